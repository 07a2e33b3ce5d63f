//! The cron trigger: `handle-cron-event`, whenever the clock says so.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use croner::Cron;
use tokio::task::JoinSet;

use crate::app::App;
use crate::bindings::cron::{Metadata, SpinCronPre};
use crate::guest::Guest;
use crate::manifest::CronTrigger;

/// Calls the components at their times until the process is ended. A failure is logged, never retried,
/// and a run that takes longer than its interval is overtaken by the next.
pub async fn serve_schedules(app: App, triggers: &[CronTrigger]) -> anyhow::Result<()> {
    let app = Arc::new(app);
    let mut schedules = JoinSet::new();
    for trigger in triggers {
        let id = trigger.component.as_str();
        let pre = SpinCronPre::new(app.instance_pre(id)?.clone())
            .map_err(anyhow::Error::from)
            .with_context(|| format!("component `{id}` exports no handle-cron-event"))?;
        let cron = parse_cron_expression(&trigger.cron_expression)?;
        schedules.spawn(call_on_schedule(app.clone(), id.to_owned(), cron, pre));
    }
    eprintln!("Waiting for the next of {} cron trigger(s)", schedules.len());
    schedules.join_all().await.into_iter().collect()
}

fn parse_cron_expression(expression: &str) -> anyhow::Result<Cron> {
    // The parser and the settings of tokio-cron-scheduler, which Spin's trigger uses.
    Cron::new(expression)
        .with_seconds_required()
        .with_dom_and_dow()
        .parse()
        .with_context(|| format!("`{expression}` is no cron expression"))
}

async fn call_on_schedule(
    app: Arc<App>,
    id: String,
    cron: Cron,
    pre: SpinCronPre<Guest>,
) -> anyhow::Result<()> {
    loop {
        let now = DateTime::<Utc>::from(SystemTime::now());
        let next = cron.find_next_occurrence(&now, false)?;
        tokio::time::sleep((next - now).to_std().unwrap_or(Duration::ZERO)).await;
        let (app, id, pre) = (app.clone(), id.clone(), pre.clone());
        tokio::spawn(async move {
            if let Err(error) = call_component(&app, &id, &pre).await {
                eprintln!("dev-host: component `{id}` failed: {error:?}");
            }
        });
    }
}

async fn call_component(app: &App, id: &str, pre: &SpinCronPre<Guest>) -> anyhow::Result<()> {
    let mut store = app.new_instance_store(id, &[], None)?;
    let instance = pre.instantiate_async(&mut store).await?;
    let timestamp = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    let outcome = instance.call_handle_cron_event(&mut store, Metadata { timestamp }).await?;
    outcome.map_err(|error| anyhow::anyhow!("{error:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_starts_with_seconds() {
        let at = |seconds| DateTime::<Utc>::from_timestamp(seconds, 0).unwrap();
        for (expression, next) in [("*/5 * * * * *", 5), ("0 * * * * *", 60), ("30 1 * * * *", 90)]
        {
            let found = parse_cron_expression(expression)
                .unwrap()
                .find_next_occurrence(&at(0), false)
                .unwrap();
            assert_eq!(found, at(next), "{expression}");
        }
        for wrong in ["* * * * *", "", "every minute", "61 * * * * *"] {
            assert!(parse_cron_expression(wrong).is_err(), "{wrong}");
        }
    }
}
