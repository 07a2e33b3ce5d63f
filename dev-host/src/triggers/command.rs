//! The command trigger: `wasi:cli/run`, once.

use anyhow::Context as _;
use wasmtime_wasi::p2::bindings::CommandPre;

use crate::app::App;
use crate::manifest::CommandTrigger;

/// Runs the component and fails if it traps or exits.
///
/// `exit` is always a failure, also with status 0, as in Spin. A component that *returns* an error is no
/// failure: the trigger up to 0.5.3, which clusters run, does not look at what it returns.
pub async fn run_command(app: &App, trigger: &CommandTrigger) -> anyhow::Result<()> {
    let id = trigger.component.as_str();
    let pre = CommandPre::new(app.instance_pre(id)?.clone())
        .map_err(anyhow::Error::from)
        .with_context(|| format!("component `{id}` exports no wasi:cli/run"))?;
    let mut store = app.new_instance_store(id, &[id], None)?;
    let command = pre.instantiate_async(&mut store).await?;
    if command.wasi_cli_run().call_run(&mut store).await?.is_err() {
        eprintln!(
            "dev-host: component `{id}` returned an error, which Spin's command trigger up to 0.5.3 takes \
             for success: it must exit with status 1 instead"
        );
    }
    Ok(())
}
