//! What belongs to one instance of a component, from its start to its end.

use std::sync::Arc;

use async_trait::async_trait;
use wasmtime::{ResourceLimiterAsync, component::ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::key_value::ComponentStores;
use crate::outbound::OutboundRequests;
use crate::variables::Variables;

/// The host's side of an instance.
pub struct Guest {
    /// The component's id.
    pub component: Arc<str>,
    /// Every handle that the instance holds.
    pub table: ResourceTable,
    /// Clocks, randomness, environment and output.
    pub wasi: WasiCtx,
    /// Limits on headers.
    pub http: WasiHttpCtx,
    /// Requests that it sends.
    pub outbound: OutboundRequests,
    /// Stores that it opens.
    pub key_value: ComponentStores,
    /// Variables that it reads.
    pub variables: Arc<Variables>,
    /// Memory that it may have.
    pub memory: MemoryLimit,
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.outbound }
    }
}

/// The most bytes of linear memory that an instance may have, if that is limited.
pub struct MemoryLimit(pub Option<usize>);

#[async_trait]
impl ResourceLimiterAsync for MemoryLimit {
    async fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let granted = self.0.is_none_or(|max| desired <= max);
        if !granted {
            eprintln!(
                "dev-host: an instance may not grow to {desired} bytes: see max_instance_memory"
            );
        }
        Ok(granted)
    }

    async fn table_growing(
        &mut self,
        _current: usize,
        _desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(true)
    }
}
