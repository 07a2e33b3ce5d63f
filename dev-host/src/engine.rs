//! wasmtime, set up as Spin sets it up.

use std::str::FromStr;
use std::time::Duration;

use anyhow::Context as _;
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{
    Cache, Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store, Trap,
    UpdateDeadline,
};

use crate::bindings::Imports;
use crate::guest::Guest;

/// The engine, ticking.
pub fn start_engine() -> anyhow::Result<Engine> {
    let mut config = Config::new();
    config.epoch_interruption(true);
    // As Spin does, in the user's cache directory: a component is compiled once, not at every start.
    // Without such a directory it is compiled each time.
    config.cache(Cache::from_file(None).ok());
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pooling_config()?));
    let engine = Engine::new(&config)?;
    let ticking = engine.clone();
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(EPOCH_TICK);
            ticking.increment_epoch();
        }
    });
    Ok(engine)
}

/// Everything a component may import: WASI 0.2, and what is in `wit/`.
pub fn new_linker(engine: &Engine) -> anyhow::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    Imports::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest| guest)?;
    Ok(linker)
}

/// Traps the guest once it has computed for `limit` in all; a tick in which it ran at all counts whole.
///
/// Spin lets a guest compute for ever; no component may rely on that. Time spent waiting does not count.
/// Until then a guest that loops keeps its thread, as in Spin.
pub fn limit_guest_cpu_time(store: &mut Store<Guest>, limit: Duration) {
    let mut left = limit.as_nanos() / EPOCH_TICK.as_nanos();
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| {
        let Some(next) = left.checked_sub(1) else { return Err(Trap::Interrupt.into()) };
        left = next;
        Ok(UpdateDeadline::Continue(1))
    });
}

/// Spin's pool (`crates/core`): so many instances at once, and one more fails at once.
fn pooling_config() -> anyhow::Result<PoolingAllocationConfig> {
    let instances = parse_env_or_default("SPIN_MAX_INSTANCE_COUNT", 1000)?;
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(parse_env_or_default(
        "SPIN_WASMTIME_INSTANCE_COUNT",
        instances,
    )?)
    .total_memories(parse_env_or_default("SPIN_WASMTIME_TOTAL_MEMORIES", instances)?)
    .total_tables(parse_env_or_default("SPIN_WASMTIME_TOTAL_TABLES", 2 * instances)?)
    .total_stacks(parse_env_or_default("SPIN_WASMTIME_TOTAL_STACKS", instances)?)
    .total_core_instances(parse_env_or_default(
        "SPIN_WASMTIME_TOTAL_CORE_INSTANCES",
        4 * instances,
    )?)
    .table_elements(100_000)
    .max_component_instance_size(10 << 20)
    .max_core_instance_size(10 << 20)
    .max_core_instances_per_component(200)
    .max_tables_per_component(64)
    .max_memories_per_component(32)
    .max_tables_per_module(2)
    .max_memories_per_module(2)
    .max_memory_size(4 << 30)
    .linear_memory_keep_resident(2 << 20)
    .table_keep_resident(512 << 10);
    Ok(pool)
}

fn parse_env_or_default<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(
    name: &str,
    default: T,
) -> anyhow::Result<T> {
    match std::env::var(name) {
        Ok(value) => value.parse().with_context(|| format!("`{name}` must be a number")),
        Err(_) => Ok(default),
    }
}

/// The unit in which computing time is measured.
const EPOCH_TICK: Duration = Duration::from_millis(10);
