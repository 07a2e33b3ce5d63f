//! What a host does to a component, seen from inside the probe and from outside.
//!
//! The same tests hold for Spin (`KUBELEASE_HOST=spin`); those that need what only dev-host has, or what
//! Spin needs a plugin for, are counted as ignored there. The probe must be built first:
//! `cargo build --package probe --target wasm32-wasip2 --release`.

mod faults;
mod inbound;
mod instances;
mod key_value;
mod outbound;
mod redis;
mod startup;
mod support;
mod timeouts;
mod tls;
mod triggers;
mod variables;

use std::process::ExitCode;

use support::{run, tests};

fn main() -> ExitCode {
    run(tests![
        inbound::a_component_sees_headers_in_order_with_the_hosts_own_last,
        inbound::a_component_never_sees_forbidden_headers,
        inbound::slashes_at_the_ends_of_a_path_do_not_count,
        inbound::reserved_paths_are_the_hosts_own,
        inbound::a_static_response_needs_no_component,
        inbound::a_contradictory_host_closes_the_connection,
        inbound::a_broken_content_length_is_refused,
        inbound::a_header_that_is_not_utf8_is_an_error,
        inbound::a_response_in_small_pieces_waits_for_the_client,
        instances::each_request_has_an_instance_of_its_own,
        instances::a_trap_ends_one_request_with_an_empty_500,
        instances::a_trap_after_the_response_started_ends_the_body_normally,
        instances::a_component_goes_on_after_its_response,
        instances::a_component_goes_on_after_the_client_has_gone,
        instances::one_instance_too_many_is_an_error_at_once,
        instances::an_instance_that_wants_too_much_memory_fails_alone,
        instances::an_instance_that_computes_for_ever_is_stopped,
        instances::an_instance_sees_nothing_of_the_host,
        instances::output_goes_to_files_named_after_the_component,
        key_value::both_interfaces_see_the_same_store,
        key_value::only_labels_in_the_manifest_can_be_opened,
        key_value::a_swap_succeeds_on_the_value_it_saw,
        key_value::creating_by_swap_is_not_safe,
        key_value::batches_leave_out_what_is_missing,
        key_value::a_cursor_is_refused,
        key_value::parallel_increments_are_all_counted,
        key_value::a_foreign_counter_breaks_the_store_until_a_restart,
        key_value::a_store_outlives_the_host_but_not_without_a_directory,
        redis::labels_share_one_keyspace,
        redis::a_swap_writes_and_reports_failure,
        redis::a_swap_does_not_overwrite_what_it_did_not_see,
        redis::reading_a_batch_fails_and_writing_one_works,
        faults::an_operation_fails_as_planned_and_each_is_noted,
        faults::a_host_is_killed_before_or_after_an_operation,
        faults::the_guests_clock_is_set,
        variables::flags_go_before_files_and_the_environment,
        variables::a_component_gets_only_its_own,
        variables::allowed_hosts_follow_variables_and_an_empty_value_denies_all,
        variables::allowed_hosts_that_are_empty_by_default_end_the_start,
        outbound::a_request_goes_only_where_the_manifest_allows,
        outbound::the_host_header_comes_from_the_uri_and_redirects_are_not_followed,
        outbound::the_application_can_call_itself_where_it_may,
        outbound::failures_have_spins_names,
        outbound::blocked_networks_are_checked_after_the_name,
        outbound::connections_are_used_again_by_later_instances,
        outbound::a_connection_that_was_closed_in_silence_fails_the_next_request,
        outbound::an_outbound_table_without_pooling_turns_it_off,
        outbound::one_connection_more_than_the_limit_is_open_at_once,
        timeouts::a_connection_that_takes_too_long_is_given_up,
        timeouts::an_answer_that_takes_too_long_is_given_up,
        timeouts::a_body_that_stalls_is_given_up,
        tls::only_the_configured_ca_is_trusted,
        tls::a_client_certificate_is_shown_where_it_is_configured,
        tls::why_a_certificate_is_not_accepted_is_for_the_log_alone,
        tls::http2_is_spoken_where_the_server_offers_it,
        tls::a_body_over_http2_waits_for_the_server,
        triggers::a_command_succeeds_unless_it_exits_or_traps,
        triggers::a_cron_job_runs_at_its_time_in_new_instances,
        triggers::a_signal_ends_the_host_at_once,
        startup::port_zero_is_any_free_port,
        startup::a_taken_port_is_an_error_or_the_next_one,
        startup::what_is_missing_is_named,
        startup::a_component_is_compiled_once_unless_what_was_kept_is_broken,
    ])
}
