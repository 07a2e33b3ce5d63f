//! The entry for Spin's cron trigger.

use spin_sdk::wit_bindgen;

use crate::{CleanupComponent, sweep_and_log};

wit_bindgen::generate!({
    path: "wit",
    world: "spin-cron",
    runtime_path: "spin_sdk::wit_bindgen::rt",
});

impl Guest for CleanupComponent {
    fn handle_cron_event(_: Metadata) -> Result<(), Error> {
        sweep_and_log().map_err(|_| Error::Other("the component's log shows the reason".to_owned()))
    }
}

export!(CleanupComponent);
