//! The suite of every store, on the store in memory.

use lease_store::MemoryStore;
use lease_store::testing::keys::MAX_KEY_BYTES;
use lease_testing::store_suite::{Case, cases};

macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                let cases = cases::<MemoryStore>();
                let case = cases.iter().find(|case| case.name == stringify!($name));
                (case.expect("the suite has it").run)(&MemoryStore::default());
            }
        )*

        const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

tests![
    each_step_makes_as_many_durable_writes_as_it_may,
    an_idle_sweep_writes_nothing_and_reads_twice,
    what_was_read_in_vain_is_mended,
    what_lives_costs_nothing,
    issues_under_way_do_not_hide_what_is_due,
    the_cap_is_never_exceeded,
    a_refusal_writes_nothing,
    a_place_comes_back_once_its_number_is_void_or_its_lease_has_ended,
    an_end_that_is_told_twice_frees_one_place,
    of_two_that_race_for_the_last_place_one_gets_it,
    no_more_leases_of_an_identity_live_than_may,
    a_share_comes_back_once_it_is_void_or_its_lease_has_ended,
    of_two_that_race_for_the_last_share_one_gets_it,
    whoever_is_taken_for_dead_with_a_share_answers_nothing,
    a_share_costs_one_write_and_leaves_nothing,
    an_issue_begins_or_its_number_is_void,
    an_issue_completes_or_is_closed,
    a_plain_token_is_recorded_or_its_number_is_void,
    a_renewal_stands_or_the_lease_ends,
    a_postponed_end_is_found_or_refused,
    an_issue_is_found_or_its_log_is_gone,
    a_definition_that_is_put_has_a_log_that_stays,
    two_sweeps_do_not_hide_an_issue,
    a_retry_reads_the_fences_of_its_issuer,
    a_claim_has_a_lease_or_is_given_up,
    the_first_has_a_request_and_the_others_wait,
    the_lease_of_a_request_keeps_its_fingerprint,
    a_request_whose_lease_failed_is_free,
    a_request_that_was_released_is_free,
    a_rival_is_given_up_for_dead_in_time,
    renewals_side_by_side_never_shorten,
    a_lost_renewal_is_found_by_the_next,
    pages_make_up_the_list_in_a_stable_order,
    a_page_examines_a_bounded_number,
    each_step_of_a_lease_has_its_event,
    each_event_is_told_once_and_only_if_it_is_on_record,
    the_events_of_a_lease_stand_together_and_are_found_by_its_id,
    each_event_of_a_lease_that_is_touched_is_found,
    a_lease_that_is_removed_whole_is_missed,
    of_two_that_end_a_lease_one_event_stands,
    who_has_asked_for_a_revocation_is_named_by_its_end,
    events_of_a_lease_outlive_it_and_go_in_order,
    what_ended_is_seen_for_as_long_as_it_is_retained,
    whatever_stops_while_it_forgets_leaves_nothing,
    whatever_stops_while_it_ends_what_was_postponed_goes_on,
    a_failed_generation_stays_passed_over,
    a_retired_log_goes_when_nothing_of_it_is_left,
    the_first_reason_for_an_end_stands,
    records_of_another_version_are_refused_and_kept,
];

#[test]
fn each_case_is_a_test_of_its_own() {
    let names: Vec<_> = cases::<MemoryStore>().iter().map(|case| case.name).collect();
    assert_eq!(names, NAMES);
}

#[test]
fn the_suite_holds_on_a_store_that_all_tests_share() {
    let shared = MemoryStore::default();
    for Case { name, run } in cases::<MemoryStore>() {
        println!("{name}");
        run(&shared);
    }
    for key in shared.list_keys() {
        let good = |b: u8| b.is_ascii_alphanumeric() || b"._:-".contains(&b);
        assert!(key.len() <= MAX_KEY_BYTES && key.bytes().all(good), "{key}");
    }
}
