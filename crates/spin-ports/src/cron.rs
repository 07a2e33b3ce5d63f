//! What Spin's cron trigger calls, for a component to export.
//!
//! Here and not in that component: the export macro holds `unsafe` code, which only a macro of another
//! crate may bring where it is forbidden.
#![expect(missing_docs, reason = "generated; `wit/cron.wit` tells what it is")]

spin_sdk::wit_bindgen::generate!({
    path: "wit",
    world: "spin-cron",
    runtime_path: "spin_sdk::wit_bindgen::rt",
    pub_export_macro: true,
    export_macro_name: "export_cron",
    default_bindings_module: "spin_ports::cron",
});
