//! The one wasmtime engine: which WebAssembly runs, how it is interrupted, where instances live.

use std::time::Duration;

use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::limits::Limits;

/// How often running guests are interrupted to see whether their CPU budget is spent.
const TICK: Duration = Duration::from_millis(10);

/// Memory of a slot that stays mapped between instances. Resetting pages costs less than mapping them again.
const RESIDENT_BYTES: usize = 512 * 1024;

pub(crate) fn build(limits: &Limits) -> wasmtime::Result<Engine> {
    let engine = Engine::new(&config(limits))?;
    let weak = engine.weak();
    std::thread::Builder::new().name("freehold-epoch".into()).spawn(move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    })?;
    Ok(engine)
}

/// An engine that compiles for the one of [`build`], and runs nothing: it reserves no address space for instances.
pub(crate) fn compiling(limits: &Limits) -> wasmtime::Result<Engine> {
    Engine::new(config(limits).allocation_strategy(InstanceAllocationStrategy::OnDemand))
}

fn config(limits: &Limits) -> Config {
    let mut config = Config::new();
    config.wasm_component_model(true);
    // Component-model async brings nothing to our contract and doubles the cost of a call.
    config.concurrency_support(false);
    config.epoch_interruption(true);
    config.max_wasm_stack(limits.stack_bytes);
    config.async_stack_size(limits.stack_bytes + (1 << 20));
    // Nothing that one guest left on a stack may reach the next.
    config.async_stack_zeroing(true);
    config.wasm_memory64(false);
    config.wasm_multi_memory(true);
    config.wasm_relaxed_simd(false);
    config.memory_init_cow(true);
    config.wasm_backtrace_max_frames(std::num::NonZeroUsize::new(8));
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(limits)));
    config
}

fn pool(limits: &Limits) -> PoolingAllocationConfig {
    let instances = limits.instances;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        // Counted, not reserved: an instance of a Python component is made of 38.
        .total_core_instances(instances.saturating_mul(40))
        .total_memories(instances.saturating_mul(2))
        .total_tables(instances.saturating_mul(4))
        .total_stacks(instances)
        // Address space only: each slot reserves 4 GiB of it whatever this says, so that small types pay nothing for a
        // bound that lets large ones in.
        .max_memory_size(limits.memory_of_the_largest())
        .table_elements(limits.table_elements)
        .max_core_instances_per_component(64)
        .max_memories_per_component(4)
        .max_tables_per_component(30)
        .max_component_instance_size(10 << 20)
        .max_core_instance_size(10 << 20)
        .linear_memory_keep_resident(RESIDENT_BYTES)
        .async_stack_keep_resident(64 << 10)
        .decommit_batch_size(16);
    pool
}
