//! The host's side of the interfaces in `wit/`, generated.

pub use fermyon::spin::{key_value, variables};
pub use wasi::keyvalue::{atomics, batch, store};

wasmtime::component::bindgen!({
    path: "wit",
    world: "kubelease:dev-host/imports",
    imports: { default: async | trappable },
    // One kind of handle serves both key-value interfaces: they see the same data by the same label.
    with: {
        "fermyon:spin/key-value.store": crate::key_value::Bucket,
        "wasi:keyvalue/store.bucket": crate::key_value::Bucket,
        "wasi:keyvalue/atomics.cas": crate::key_value::Cas,
    },
});

/// The export that the cron trigger calls.
pub mod cron {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "fermyon:spin-cron/spin-cron",
        exports: { default: async },
    });
}
