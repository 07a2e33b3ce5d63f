//! What Kubernetes and the built components say: tests against the real parts.
//!
//! A real kube-apiserver, the built `.wasm` files, and a host that runs them by the project's own
//! `spin.toml`. A scripted server stands in only for faults that a real one does not produce on demand.

mod bad_input;
mod check;
mod cleanup_job;
mod configuration;
mod fake;
mod lease;
mod persistence;
mod ports_http;
mod secrecy;
mod setup;
mod strangers;
mod sweep;
mod target_faults;

use std::process::ExitCode;

use testbed::harness::{run, tests};

fn main() -> ExitCode {
    run(tests![
        bad_input::malformed_requests_are_answered_and_change_nothing,
        bad_input::a_huge_body_is_refused_before_it_is_read,
        bad_input::a_slow_body_is_given_up,
        bad_input::what_the_dynamic_secret_does_not_cover_is_refused,
        check::a_check_names_who_we_are_and_what_is_missing,
        check::a_check_of_a_cluster_that_does_not_answer_says_why,
        cleanup_job::the_cleanup_job_runs_as_a_command_and_fails_as_one,
        cleanup_job::the_cleanup_job_runs_by_a_schedule,
        configuration::without_its_variables_only_livez_answers,
        configuration::a_previous_master_key_still_opens_what_it_sealed,
        lease::a_leased_token_is_the_accounts_and_no_more,
        lease::a_lease_ends_when_its_token_says,
        lease::a_namespace_must_be_named_only_where_there_is_a_choice,
        lease::leases_at_once_are_all_different,
        persistence::a_restart_keeps_everything,
        persistence::a_kill_loses_nothing_that_was_answered,
        persistence::redis_keeps_everything_too,
        ports_http::a_body_is_announced_and_repeated_only_where_that_is_refused,
        ports_http::whatever_does_not_come_is_waited_for_only_so_long,
        ports_http::an_answer_is_read_up_to_its_limit_and_no_further,
        ports_http::a_list_that_the_host_does_not_hold_is_sent_whole,
        ports_http::every_value_of_a_header_is_seen,
        ports_http::nothing_waits_for_a_delayed_acknowledgement,
        secrecy::nothing_secret_is_stored_or_logged,
        strangers::every_route_refuses_a_stranger,
        strangers::headers_that_claim_to_be_the_hosts_change_nothing,
        sweep::the_sweep_is_for_its_token_and_administrators,
        target_faults::a_refusal_of_the_real_api_server_is_told_by_its_kind,
        target_faults::a_server_that_is_none_is_told_from_one_that_is_away,
        target_faults::a_server_that_says_too_much_or_nothing_is_given_up,
        target_faults::a_redirect_is_not_followed,
    ])
}
