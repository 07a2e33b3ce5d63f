//! Crash and fault at every step, against the real parts, and an auditor who believes nobody.
//!
//! What an operation does is first seen in a trace of it: each read and write of the store, each request to the
//! API server. Each of these is a point, at which the host is killed, the store fails, or something goes wrong on
//! the way to the cluster. Then the host is started again, time passes (by the host's clock and by the cluster's
//! `Date`, both of which are set), it sweeps at most twice, and the auditor reads the API server and the store's
//! own file, by code of its own.
//!
//! `cargo xtask test` runs a part of it, `cargo xtask torture --minutes N --seed S` as much as fits. A point is
//! replayed by the name that a violation gives it: `cargo xtask torture --point 'issue rules 12 kill_before'`.

mod auditor;
mod bench;
mod bot;
mod experiments;
mod kube;
mod namespaces;
mod operation;
mod points;
mod stores;
mod terms;

// What is tested is made as in the other tests.
#[expect(dead_code, reason = "not all of it is used here")]
#[path = "../broker.rs"]
mod broker;
#[expect(dead_code, reason = "not all of it is used here")]
#[path = "../kind.rs"]
mod kind;

use std::process::ExitCode;

use testbed::harness::{run_tests, tests};

fn main() -> ExitCode {
    run_tests(tests![
        points::a_login_survives_everything,
        points::an_issue_survives_everything,
        points::an_issue_by_an_identity_survives_everything,
        points::a_renewal_survives_everything,
        points::a_revocation_survives_everything,
        points::a_sweep_survives_everything,
        points::a_reconcile_survives_everything,
        experiments::a_lease_of_a_minute_is_refused_in_time,
        experiments::a_cluster_that_is_away_for_days_is_caught_up_with,
        experiments::a_third_of_all_requests_may_fail,
        experiments::the_host_s_clock_may_say_anything,
        experiments::a_target_s_clock_that_jumps_is_not_believed_at_once,
        experiments::a_target_that_answers_nothing_delays_no_other,
        experiments::what_others_delete_is_closed_as_lost,
        namespaces::in_a_namespace_that_terminates_leases_end_and_none_begins,
        namespaces::what_is_in_a_namespace_that_was_made_anew_is_left_alone,
        experiments::the_master_key_changes_under_load,
        stores::a_store_that_is_emptied_comes_back,
        stores::a_store_that_is_rolled_back_comes_back,
        stores::two_hosts_on_one_redis_issue_and_sweep_at_full_rate,
        stores::two_issuers_and_two_sweepers_share_a_host,
        stores::a_redis_that_is_killed_under_load_has_lost_nothing,
        stores::a_redis_that_is_emptied_under_load_comes_back,
    ])
}
