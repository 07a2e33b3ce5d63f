//! The codes by which programs tell one problem from another. Once released, a code keeps its meaning.

use http::StatusCode;

/// Declares [`Code`], so that text, status and the list of all codes cannot drift apart.
macro_rules! codes {
    ($($status:ident { $($(#[$doc:meta])* $Code:ident = $text:literal,)+ })+) => {
        /// A code of a problem, for programs. A code has one text and one status; one text may have
        /// several statuses.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Code {
            $($($(#[$doc])* $Code,)+)+
        }

        impl Code {
            /// All there are, by status.
            #[cfg(test)]
            pub(crate) const ALL: &[Code] = &[$($(Code::$Code,)+)+];

            /// As it is written.
            pub(crate) fn as_str(self) -> &'static str {
                match self { $($(Code::$Code => $text,)+)+ }
            }

            /// The status that it is answered with.
            pub(crate) fn status(self) -> StatusCode {
                match self { $($(Code::$Code => StatusCode::$status,)+)+ }
            }
        }
    };
}

codes! {
    BAD_REQUEST {
        /// Method, path or headers cannot be read.
        MalformedRequest = "malformed_request",
        /// The body is no JSON.
        InvalidJson = "invalid_json",
        /// The body broke off.
        BodyBroken = "body_broken",
    }
    UNAUTHORIZED {
        /// No credential was shown.
        Unauthenticated = "unauthenticated",
        /// The token admits nobody here.
        InvalidToken = "invalid_token",
        /// The token that was shown at a login lets nobody in.
        LoginRefused = "login_refused",
        /// The access token lives as long as it may.
        AccessTokenAtMaximum = "access_token_at_maximum",
    }
    FORBIDDEN {
        /// No grant of the caller allows it.
        NotGranted = "not_granted",
        /// Administrators are managed by those who may do that.
        AdministratorsProtected = "administrators_protected",
        /// The dynamic secret does not cover the namespace.
        NamespaceNotAllowed = "namespace_not_allowed",
        /// The dynamic secret would lease the account that kubelease itself has.
        OwnAccount = "own_account",
    }
    NOT_FOUND {
        /// No route is there.
        UnknownPath = "unknown_path",
        /// No target.
        UnknownTarget = "unknown_target",
        /// No dynamic secret.
        UnknownDynamicSecret = "unknown_dynamic_secret",
        /// No identity.
        UnknownIdentity = "unknown_identity",
        /// No lease, or no more.
        UnknownLease = "unknown_lease",
        /// No sweep has run yet.
        NotSwept = "not_swept",
    }
    METHOD_NOT_ALLOWED {
        /// The path takes others.
        MethodNotAllowed = "method_not_allowed",
    }
    REQUEST_TIMEOUT {
        /// The body did not come in time.
        BodyTooSlow = "body_too_slow",
    }
    CONFLICT {
        /// Several identities would let the token in, and none was named.
        LoginAmbiguous = "login_ambiguous",
        /// Tokens for the audience would be leased, and let an administrator in.
        AudienceOfAdministrators = "audience_of_administrators",
        /// A target of the dynamic secret's name did not come with it.
        TargetNameTaken = "target_name_taken",
        /// Another target of the origin is reached in another way.
        OriginShared = "origin_shared",
        /// Dynamic secrets are for the target.
        TargetInUse = "target_in_use",
        /// Leases live, and were not said to be taken back.
        LiveLeases = "live_leases",
        /// That cluster was not seen there.
        ClusterNotSeen = "cluster_not_seen",
        /// The dynamic secret is protected, and its deletion was not forced.
        DeleteProtected = "delete_protected",
        /// The target of the dynamic secret or lease is gone.
        TargetMissing = "target_missing",
        /// Nothing is issued on the target.
        TargetDisabled = "target_disabled",
        /// Nothing is issued or renewed of the dynamic secret; or nothing is issued until it is put again.
        Disabled = "disabled",
        /// As many leases live as may.
        TooManyLeases = "too_many_leases",
        /// As many leases of the identity live as may.
        TooManyLeasesOfIdentity = "too_many_leases_of_identity",
        /// The same request is under way.
        RequestInProgress = "request_in_progress",
        /// The lease of the key has ended.
        LeaseEnded = "lease_ended",
        /// The lease of the key, a plain token, lives too short for another token.
        LeaseEndsTooSoon = "lease_ends_too_soon",
        /// A plain token cannot be taken back.
        NotRevocable = "not_revocable",
        /// A plain token cannot be renewed.
        NotRenewable = "not_renewable",
        /// No access tokens are made for the identity.
        TokensNotAllowed = "tokens_not_allowed",
        /// The lease has ended, is ending, or is not issued yet.
        LeaseNotActive = "lease_not_active",
        /// The lease lives as long as it may.
        LeaseAtMaximum = "lease_at_maximum",
        /// Another cluster answers than before.
        ClusterChanged = "cluster_changed",
        /// The namespace is being deleted.
        NamespaceTerminating = "namespace_terminating",
        /// The role that a lease would bind has come to grant what was not waived. As
        /// [`Self::DangerousRules`], but it is the cluster that changed, and not the request that is wrong.
        DangerousRole = "dangerous_rules",
    }
    PAYLOAD_TOO_LARGE {
        /// The body is longer than any may be.
        BodyTooLarge = "body_too_large",
    }
    UNPROCESSABLE_ENTITY {
        /// A field of the body does not fit; `errors` says which.
        InvalidField = "invalid_field",
        /// The name in the path is none.
        InvalidName = "invalid_name",
        /// A parameter of the query does not fit, or is none of the route's.
        InvalidQuery = "invalid_query",
        /// The header does not fit.
        InvalidIdempotencyKey = "invalid_idempotency_key",
        /// The key was used for another request.
        IdempotencyKeyReused = "idempotency_key_reused",
        /// Fields of a dynamic secret are good one by one, and not together.
        InvalidTerms = "invalid_terms",
        /// Rights that can do harm, and were not waived.
        DangerousRules = "dangerous_rules",
        /// A secret was left out, and none is known for this url.
        CredentialRequired = "credential_required",
        /// More than one namespace is covered, and none was named.
        NamespaceRequired = "namespace_required",
        /// Longer than the maximum.
        TtlTooLong = "ttl_too_long",
        /// Shorter than such a lease can be.
        TtlTooShort = "ttl_too_short",
        /// The dynamic secret does not allow the audience.
        AudienceNotAllowed = "audience_not_allowed",
        /// Nothing says which leases are meant.
        FilterRequired = "filter_required",
    }
    TOO_MANY_REQUESTS {
        /// The identity has asked for as many leases in this minute as it may.
        TooManyIssues = "too_many_issues",
        /// As many logins of the address have failed in this minute as may.
        TooManyFailedLogins = "too_many_failed_logins",
    }
    INTERNAL_SERVER_ERROR {
        /// A bug of ours.
        InternalError = "internal_error",
    }
    BAD_GATEWAY {
        /// The namespace does not exist.
        NamespaceNotFound = "namespace_not_found",
        /// The role that a lease would bind does not exist.
        RoleNotFound = "role_not_found",
        /// The service account does not exist.
        AccountNotFound = "account_not_found",
        /// Somebody else has the names of the lease.
        LeaseNameTaken = "lease_name_taken",
        /// The cluster does not accept kubelease's credential.
        TargetUnauthorized = "target_unauthorized",
        /// The credential lacks a permission.
        TargetForbidden = "target_forbidden",
        /// The cluster said no in another way, or failed.
        TargetRefused = "target_refused",
        /// Nothing answers there.
        TargetUnreachable = "target_unreachable",
        /// The answer is not to what was asked for.
        TargetBadAnswer = "target_bad_answer",
    }
    SERVICE_UNAVAILABLE {
        /// A variable is missing or malformed.
        NotConfigured = "not_configured",
        /// The store does not answer.
        StoreUnavailable = "store_unavailable",
        /// The store holds a record of another version.
        StoreVersion = "store_version",
        /// The store holds a record that cannot be read.
        StoreBroken = "store_broken",
        /// The target's credential cannot be opened or read.
        CredentialUnreadable = "credential_unreadable",
        /// The cluster or the issuer that knows the token could not be asked.
        LoginUnavailable = "login_unavailable",
        /// The lease could not be issued in time.
        IssueTooSlow = "issue_too_slow",
        /// The leases on the target are not known yet.
        TargetReconciling = "target_reconciling",
        /// Somebody else is changing the lease.
        LeaseBusy = "lease_busy",
    }
    GATEWAY_TIMEOUT {
        /// The cluster did not answer in time.
        TargetTimeout = "target_timeout",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    /// The codes of one status, as the documents should tell them.
    fn codes_of(status: &str) -> BTreeSet<&'static str> {
        let ours = Code::ALL.iter().filter(|code| code.status().as_str() == status);
        ours.map(|code| code.as_str()).collect()
    }

    fn text_set(values: &Value) -> BTreeSet<&str> {
        values.as_array().expect("a list").iter().filter_map(Value::as_str).collect()
    }

    #[test]
    fn the_openapi_document_has_these_codes_and_no_others() {
        let document = include_str!("../../../../docs/openapi.json");
        let document: Value = serde_json::from_str(document).expect("JSON");
        let components = &document["components"];
        let all: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        let pairs: BTreeSet<_> =
            Code::ALL.iter().map(|code| (code.status(), code.as_str())).collect();
        assert_eq!(pairs.len(), Code::ALL.len(), "two codes have one text and one status");
        assert_eq!(text_set(&components["schemas"]["Problem"]["properties"]["code"]["enum"]), all);

        let mut told = BTreeSet::new();
        for (path, item) in document["paths"].as_object().expect("paths") {
            for (method, operation) in item.as_object().expect("operations") {
                let Some(responses) = operation.get("responses") else { continue };
                for (status, response) in responses.as_object().expect("responses") {
                    // Infisical's clients know no codes.
                    let schema = &response["content"]["application/json"]["schema"]["$ref"];
                    if schema == "#/components/schemas/InfisicalError" {
                        continue;
                    }
                    let Some(name) = response["$ref"].as_str() else {
                        assert!(status.starts_with('2'), "{method} {path}: {status} has no codes");
                        continue;
                    };
                    let name = name.rsplit('/').next().unwrap_or_default();
                    let content = &components["responses"][name]["content"];
                    let schema = &content["application/problem+json"]["schema"];
                    let codes = text_set(&schema["allOf"][1]["properties"]["code"]["enum"]);
                    assert_eq!(codes, codes_of(status), "{method} {path}: {status} is {name}");
                    told.extend(codes);
                }
            }
        }
        // No operation answers these: they are for requests that reach none.
        let elsewhere = ["malformed_request", "method_not_allowed", "internal_error"];
        let missing: BTreeSet<_> = all.difference(&told).copied().collect();
        assert!(missing.iter().all(|code| elsewhere.contains(code)), "{missing:?}");
    }

    #[test]
    fn the_document_for_people_has_these_codes_and_no_others() {
        let document = include_str!("../../../../docs/api.md");
        let (_, table) = document.split_once("| Status | `code` |").expect("the table of codes");
        let mut told = vec![];
        for row in table.lines().skip(2).take_while(|line| line.starts_with('|')) {
            let mut cells = row.split('|').skip(1).map(str::trim);
            let (Some(status), Some(codes)) = (cells.next(), cells.next()) else {
                panic!("no row: {row}");
            };
            told.extend(codes.split(", ").map(|code| (code.trim_matches('`'), status)));
        }
        let mut ours: Vec<_> =
            Code::ALL.iter().map(|code| (code.as_str(), code.status())).collect();
        ours.sort_unstable();
        told.sort_unstable();
        let ours: Vec<_> = ours.iter().map(|(code, status)| (*code, status.as_str())).collect();
        assert_eq!(told, ours);
    }
}
