//! What holds on every store: the same tests for memory, SQLite and Redis.
//!
//! Each test takes an own log in the store that it is given, so that they can share one, again and again.
//! A test that fails panics and says why.

mod audit;
mod beginnings;
mod bench;
mod cap;
mod claims;
mod costs;
mod fences;
mod interrupted;
mod many;
mod pages;
mod renewals;
mod retention;
mod shares;
mod watched;

use lease_store::KeyValue;

/// Makes the nodes of all summaries in this process small, so that a few leases fill a tree of them.
pub fn use_small_nodes() {
    lease_store::testing::choose_fanout(SMALL);
}

/// The size of a leaf, in numbers, for tests that want a tree of few numbers.
pub const SMALL: u64 = 3;

/// A test of the suite.
pub struct Case<K> {
    /// The fact that it proves.
    pub name: &'static str,
    /// Proves it on a store, or panics.
    pub run: fn(&K),
}

macro_rules! cases {
    ($($room:ident::$name:ident),* $(,)?) => {
        /// All tests, for one kind of store.
        #[must_use]
        pub fn cases<K: KeyValue>() -> Vec<Case<K>> {
            vec![$(Case { name: stringify!($name), run: $room::$name::<K> }),*]
        }
    };
}

cases![
    costs::each_step_makes_as_many_durable_writes_as_it_may,
    costs::an_idle_sweep_writes_nothing_and_reads_twice,
    costs::what_was_read_in_vain_is_mended,
    many::what_lives_costs_nothing,
    many::issues_under_way_do_not_hide_what_is_due,
    cap::the_cap_is_never_exceeded,
    cap::a_refusal_writes_nothing,
    cap::a_place_comes_back_once_its_number_is_void_or_its_lease_has_ended,
    cap::an_end_that_is_told_twice_frees_one_place,
    cap::of_two_that_race_for_the_last_place_one_gets_it,
    shares::no_more_leases_of_an_identity_live_than_may,
    shares::a_share_comes_back_once_it_is_void_or_its_lease_has_ended,
    shares::of_two_that_race_for_the_last_share_one_gets_it,
    shares::whoever_is_taken_for_dead_with_a_share_answers_nothing,
    shares::a_share_costs_one_write_and_leaves_nothing,
    beginnings::an_issue_begins_or_its_number_is_void,
    fences::an_issue_completes_or_is_closed,
    beginnings::a_plain_token_is_recorded_or_its_number_is_void,
    fences::a_renewal_stands_or_the_lease_ends,
    fences::a_postponed_end_is_found_or_refused,
    fences::an_issue_is_found_or_its_log_is_gone,
    fences::a_definition_that_is_put_has_a_log_that_stays,
    fences::two_sweeps_do_not_hide_an_issue,
    fences::a_retry_reads_the_fences_of_its_issuer,
    fences::a_claim_has_a_lease_or_is_given_up,
    claims::the_first_has_a_request_and_the_others_wait,
    claims::the_lease_of_a_request_keeps_its_fingerprint,
    claims::a_request_whose_lease_failed_is_free,
    claims::a_request_that_was_released_is_free,
    claims::a_rival_is_given_up_for_dead_in_time,
    renewals::renewals_side_by_side_never_shorten,
    renewals::a_lost_renewal_is_found_by_the_next,
    pages::pages_make_up_the_list_in_a_stable_order,
    pages::a_page_examines_a_bounded_number,
    audit::each_step_of_a_lease_has_its_event,
    audit::each_event_is_told_once_and_only_if_it_is_on_record,
    audit::the_events_of_a_lease_stand_together_and_are_found_by_its_id,
    audit::each_event_of_a_lease_that_is_touched_is_found,
    audit::a_lease_that_is_removed_whole_is_missed,
    audit::of_two_that_end_a_lease_one_event_stands,
    audit::who_has_asked_for_a_revocation_is_named_by_its_end,
    audit::events_of_a_lease_outlive_it_and_go_in_order,
    retention::what_ended_is_seen_for_as_long_as_it_is_retained,
    retention::whatever_stops_while_it_forgets_leaves_nothing,
    retention::whatever_stops_while_it_ends_what_was_postponed_goes_on,
    retention::a_failed_generation_stays_passed_over,
    retention::a_retired_log_goes_when_nothing_of_it_is_left,
    retention::the_first_reason_for_an_end_stands,
    retention::records_of_another_version_are_refused_and_kept,
];
