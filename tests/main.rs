//! What Kubernetes and the built components say: tests against the real parts.
//!
//! A real kube-apiserver, the built `.wasm` files, and a host that runs them by the project's own
//! `spin.toml`. A scripted server stands in only for faults that a real one does not produce on demand.

mod audit;
mod bad_fields;
mod bad_input;
mod broker;
mod cap;
mod check;
mod ci_jobs;
mod ci_tokens;
mod cleanup_job;
mod cli;
mod configuration;
mod cronjob;
mod definitions;
mod explain;
mod fake;
mod finalizer;
mod gateways;
mod half_permitted;
mod hardened;
mod hostile;
mod idempotency;
mod identities;
mod infisical;
mod issuers;
mod journal;
mod kind;
mod kubeconfig;
mod kubectl;
mod lease;
mod let_in;
mod listing;
mod login;
mod machine;
mod modes;
mod oidc;
mod persistence;
mod ports_http;
mod refusals;
mod renewal;
mod replicas;
mod roles;
mod rounds;
mod second_cluster;
mod secrecy;
mod session;
mod setup;
mod short;
mod status_details;
mod stores;
mod strangers;
mod strangers_objects;
mod sweep;
mod target_faults;
mod targets_auth;
mod terms;

use std::process::ExitCode;

use testbed::harness::{run_tests, tests};

#[expect(clippy::too_many_lines, reason = "it is one list")]
fn main() -> ExitCode {
    run_tests(tests![
        audit::logins::each_login_is_recorded_with_what_has_decided_it,
        audit::logins::each_refused_service_account_is_recorded_by_its_own_cause,
        audit::logins::each_refused_job_is_recorded_by_its_own_cause,
        audit::leases::a_thousand_leases_are_joined_to_the_api_servers_audit_log,
        audit::leases::a_lease_has_its_whole_life_in_the_audit,
        audit::requests::what_is_refused_is_recorded_with_who_has_asked_for_what,
        audit::requests::each_change_of_a_definition_is_recorded,
        audit::reviewers::a_reviewer_s_token_may_be_in_a_variable,
        audit::reviewers::a_token_that_has_to_review_itself_is_refused_by_its_own_cause,
        audit::reviewers::no_lease_is_a_way_to_become_an_administrator,
        audit::reviewers::nobody_logs_in_by_a_target_that_is_disabled,
        audit::tampering::whatever_is_changed_in_the_file_of_the_store_is_found,
        audit::tampering::whatever_is_changed_in_redis_is_found,
        bad_fields::no_target_takes_it,
        bad_fields::no_dynamic_secret_takes_it,
        bad_fields::nothing_else_takes_it,
        bad_input::malformed_requests_are_answered_and_change_nothing,
        bad_input::a_huge_body_is_refused_before_it_is_read,
        bad_input::a_slow_body_is_given_up,
        bad_input::what_the_dynamic_secret_does_not_cover_is_refused,
        cap::a_hundred_at_once_do_not_exceed_it,
        cap::nor_do_they_through_two_replicas_of_one_redis,
        cap::existing_accounts_have_it_too,
        check::a_check_names_who_we_are_and_what_is_missing,
        check::a_check_of_a_cluster_that_does_not_answer_says_why,
        ci_jobs::github::the_action_leases_for_the_steps_and_revokes_after_them,
        ci_jobs::github::a_job_that_is_cancelled_while_it_leases_has_no_lease,
        ci_jobs::gitlab::the_template_leases_for_the_script_and_revokes_after_it,
        ci_jobs::gitlab::a_job_that_is_cancelled_has_no_lease_after_it,
        ci_jobs::buildkite::the_plugin_leases_for_the_command_and_revokes_after_it,
        ci_jobs::buildkite::a_job_that_is_cancelled_has_no_lease_after_it,
        ci_jobs::circleci::the_orb_leases_for_the_steps_and_revokes_after_them,
        ci_jobs::circleci::a_job_that_is_cancelled_has_a_lease_that_ends_in_its_time,
        ci_jobs::circleci::without_its_agent_a_job_has_the_token_of_its_variable,
        ci_jobs::pod::it_logs_in_by_its_token_and_runs_with_a_lease,
        ci_jobs::long::a_lease_is_renewed_while_its_command_runs,
        ci_jobs::manual::each_command_of_cli_md_works,
        ci_jobs::manual::each_command_of_definitions_md_works,
        ci_jobs::manual::each_command_of_kubectl_md_works,
        ci_jobs::long::a_run_that_is_killed_has_a_lease_that_ends_in_its_time,
        ci_tokens::of_github,
        ci_tokens::of_gitlab,
        ci_tokens::of_buildkite,
        ci_tokens::of_circleci,
        cli::a_job_runs_a_command_with_a_lease_that_ends_with_it,
        cli::a_signal_ends_the_command_and_the_lease,
        cli::kubectl_leases_by_itself_and_keeps_the_lease,
        cli::the_cluster_is_known_from_the_server,
        cli::fifty_at_once_make_one_lease,
        cli::leases_are_listed_renewed_and_revoked,
        journal::a_file_stays_in_the_mode_in_which_it_was_made,
        journal::what_no_checkpoint_has_reached_survives_a_kill,
        journal::each_durable_write_is_flushed_before_the_answer,
        kubectl::a_lease_that_was_revoked_elsewhere_costs_no_command_once_it_was_looked_at,
        kubectl::the_lock_of_a_plugin_that_was_killed_delays_nobody,
        kubectl::what_keeps_kubectl_from_the_plugin_is_told,
        kubectl::kubectl_works_as_ever_with_the_plugin,
        kubectl::an_informer_outlives_its_lease,
        kubectl::a_watch_and_an_informer_go_on_when_the_time_of_their_lease_is_over,
        kubeconfig::kubectl_leases_by_curl_through_a_kubeconfig_of_the_server,
        kubeconfig::kubectl_reads_the_context_that_is_added_to_its_file,
        cli::a_refusal_says_what_to_do_and_has_its_exit_code,
        cleanup_job::the_cleanup_job_runs_as_a_command_and_fails_as_one,
        cleanup_job::the_cleanup_job_runs_by_a_schedule,
        cleanup_job::all_manifests_say_the_same,
        cronjob::its_pods_are_such_as_a_restricted_namespace_takes,
        cronjob::its_script_sweeps_and_fails_where_it_cannot,
        definitions::an_apply_makes_what_differs_and_writes_nothing_else,
        definitions::another_secret_is_noticed_and_never_shown,
        definitions::a_mistake_is_told_with_its_place_and_nothing_is_put,
        definitions::pruned_is_only_what_the_same_set_has_made,
        definitions::what_is_of_another_set_is_taken_over_only_if_that_is_said,
        definitions::definitions_are_deleted_by_files_and_by_names,
        definitions::schemas_are_written_for_editors,
        configuration::without_its_variables_only_livez_answers,
        configuration::a_previous_master_key_still_opens_what_it_sealed,
        explain::existing,
        explain::plain,
        explain::role,
        explain::rules,
        explain::a_selector_finds_what_the_api_server_finds,
        finalizer::an_account_that_is_held_ends_when_it_is_let_go,
        finalizer::so_does_a_secret,
        gateways::one_that_refuses_announced_bodies_is_asked_again_and_remembered,
        gateways::one_that_asks_for_a_login_is_no_kubernetes_api,
        half_permitted::existing,
        half_permitted::plain,
        half_permitted::role,
        half_permitted::cluster_role_in_a_namespace,
        half_permitted::cluster_role,
        half_permitted::rules,
        half_permitted::cluster_rules,
        hardened::what_is_not_open_to_all_is_done_without,
        hostile::tokens_are_refused_alike_at_a_login_by_service_account,
        idempotency::the_same_request_gets_the_same_lease_and_a_fresh_token,
        idempotency::twenty_at_once_make_one_lease,
        idempotency::a_failed_issue_frees_its_key,
        idempotency::a_plain_token_is_given_again_while_it_can_be,
        identities::a_forged_header_never_helps,
        identities::a_forged_header_does_not_begin_the_count_of_failures_anew,
        identities::a_trusted_proxy_tells_the_address_and_its_client_does_not,
        identities::uses_are_exact_through_two_replicas_of_one_redis,
        identities::no_more_leases_of_one_live_than_may_through_two_replicas,
        identities::an_identity_leases_what_it_is_granted_and_gives_it_back,
        login::a_service_account_logs_in_through_each_reviewer,
        login::a_service_account_that_is_not_meant_is_refused,
        login::a_ci_job_logs_in_by_the_keys_of_its_issuer,
        infisical::its_client_logs_in_renews_and_revokes,
        infisical::a_login_may_be_a_form,
        issuers::keys_are_fetched_once_however_many_jobs_ask,
        issuers::keys_are_kept_as_long_as_their_issuer_allows_within_bounds,
        issuers::an_issuer_that_is_not_as_it_should_be_lets_nobody_in_and_keeps_nobody_out,
        lease::a_leased_token_is_the_accounts_and_no_more,
        lease::a_lease_ends_when_its_token_says,
        lease::a_namespace_must_be_named_only_where_there_is_a_choice,
        lease::leases_at_once_are_all_different,
        let_in::a_watch_goes_on_after_its_lease_is_taken_back,
        listing::leases_are_found_by_what_they_are,
        listing::many_are_taken_back_page_by_page,
        listing::what_leases_are_made_from_goes_only_with_them,
        listing::a_change_keeps_what_is_out_or_takes_it_back,
        modes::existing,
        modes::role,
        modes::cluster_role_in_a_namespace,
        modes::cluster_role_in_the_cluster,
        modes::rules_in_a_namespace,
        modes::rules_in_the_cluster,
        modes::manifest_in_a_namespace,
        modes::manifest_in_the_cluster,
        modes::verbs_and_names_are_compared_by_the_letter,
        modes::a_plain_token_is_good_until_it_ends_and_says_so,
        persistence::a_restart_keeps_everything,
        persistence::a_kill_loses_nothing_that_was_answered,
        persistence::redis_keeps_everything_too,
        ports_http::a_body_is_announced_and_repeated_only_where_that_is_refused,
        ports_http::whatever_does_not_come_is_waited_for_only_so_long,
        ports_http::an_answer_is_read_up_to_its_limit_and_no_further,
        ports_http::a_list_that_the_host_does_not_hold_is_sent_whole,
        ports_http::every_value_of_a_header_is_seen,
        ports_http::nothing_waits_for_a_delayed_acknowledgement,
        refusals::a_quota_is_told_from_a_missing_permission,
        refusals::a_policy_that_denies_tokens_is_named_by_the_check,
        refusals::a_policy_that_denies_deletions_is_told_by_the_revocation,
        refusals::a_policy_that_changes_what_is_made_is_seen_by_the_check,
        refusals::a_namespace_that_is_not_there_is_told_in_every_mode,
        renewal::an_existing_accounts_lease_is_renewed,
        renewal::a_temporary_accounts_lease_is_renewed,
        renewal::parallel_renewals_never_shorten,
        renewal::a_token_that_the_api_server_shortens_is_told_as_it_is,
        rounds::an_existing_accounts_secret_comes_before_its_token,
        rounds::a_temporary_account_and_its_role_come_before_what_gives_rights,
        replicas::a_token_for_one_login_lets_in_once_at_both,
        replicas::no_more_logins_of_a_client_fail_than_may_at_both,
        replicas::no_more_leases_are_issued_in_a_minute_than_may_at_both,
        replicas::no_lease_is_missed_that_is_issued_while_all_are_taken_back,
        roles::a_role_is_weighed_for_each_lease,
        roles::so_is_a_cluster_role_in_a_namespace,
        roles::so_is_a_cluster_role_in_the_cluster,
        roles::a_role_that_may_not_be_read_is_missed_when_it_is_bound,
        rounds::a_bound_role_is_read_beside_what_comes_first,
        rounds::a_plain_token_is_one_call,
        second_cluster::nothing_is_issued_or_ended_by_the_wrong_cluster,
        second_cluster::where_kube_system_is_not_readable_the_leases_namespace_is_read,
        secrecy::nothing_secret_is_stored_or_logged,
        stores::the_store_holds_what_it_promises_on_sqlite,
        stores::the_store_holds_what_it_promises_with_a_rollback_journal,
        stores::the_store_holds_what_it_promises_on_redis,
        session::from_nothing_to_a_lease_of_a_job_that_is_gone_after_it,
        short::existing,
        short::role,
        short::rules,
        short::cluster_role,
        short::cluster_manifest,
        short::a_plain_token_cannot_be_short,
        status_details::each_refusal_names_resource_group_and_name,
        status_details::a_resource_that_is_not_served_is_not_found_without_a_name,
        status_details::what_else_a_request_needs_is_named_by_its_own_name,
        strangers::every_route_refuses_a_stranger,
        strangers::headers_that_claim_to_be_the_hosts_change_nothing,
        strangers_objects::existing,
        strangers_objects::rules,
        strangers_objects::cluster_rules,
        sweep::the_sweep_is_for_its_token_and_administrators,
        target_faults::a_refusal_of_the_real_api_server_is_told_by_its_kind,
        target_faults::a_server_that_is_none_is_told_from_one_that_is_away,
        target_faults::a_server_that_says_too_much_or_nothing_is_given_up,
        target_faults::a_redirect_is_not_followed,
        target_faults::a_certificate_that_is_not_accepted_is_told_with_where_to_look,
        targets_auth::kubectl_proxy_is_a_gateway,
        targets_auth::a_client_certificate_is_shown_by_the_host,
        targets_auth::a_variable_is_sent_to_its_own_origin_alone,
        targets_auth::a_credential_is_replaced_without_touching_leases,
        targets_auth::a_dynamic_secret_may_carry_its_target,
        targets_auth::plain_http_is_for_loopback_and_gateways,
        targets_auth::what_the_host_needs_is_told_and_the_host_takes_it,
        terms::a_selector_reads_the_labels_that_a_namespace_has_now,
        terms::a_star_does_not_mean_what_is_the_clusters_or_kubeleases,
        terms::kubeleases_own_account_is_never_leased,
        terms::a_token_is_for_whom_it_is_asked_for,
        terms::objects_are_named_and_labelled_as_is_said,
    ])
}
