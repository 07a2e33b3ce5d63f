//! The export for the cron trigger.

use self::generated::{Error, Guest, Metadata};

mod generated {
    spin_sdk::wit_bindgen::generate!({
        path: "wit",
        world: "spin-cron",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        generate_all,
        pub_export_macro: true,
    });
}

struct Cron;

impl Guest for Cron {
    fn handle_cron_event(metadata: Metadata) -> Result<(), Error> {
        println!("tick {}", metadata.timestamp);
        spin_sdk::http::run(crate::run_job()).map_err(Error::Other)
    }
}

generated::export!(Cron with_types_in generated);
