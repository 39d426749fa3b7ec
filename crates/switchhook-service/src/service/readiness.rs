//! The readiness checks of `/readyz`.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::call_control::CallControl;
use crate::traces;
use switchhook_admin::state::Check;
use switchhook_core::zone;

use super::Health;

/// Returns a function that checks all components: the Event Socket port, the store, the
/// deliveries, then `others`, the trace collector and the release of the time zones.
pub(super) fn checks(
    esl: SocketAddr,
    call_control: &Arc<CallControl>,
    store: Health,
    deliveries: Health,
    stopping: CancellationToken,
    others: Vec<(String, Health)>,
    traces: traces::TracesHandle,
) -> Arc<dyn Fn() -> Vec<Check> + Send + Sync> {
    let call_control = Arc::clone(call_control);
    Arc::new(move || {
        let on_hold = call_control.on_hold();
        let is_listening = !stopping.is_cancelled();
        let detail = if is_listening {
            format!("listening on {esl}, {on_hold} calls on hold")
        } else {
            format!("stopping, {on_hold} calls on hold")
        };
        let mut checks = vec![
            Check {
                name: "esl".into(),
                ok: is_listening,
                vital: true,
                detail,
            },
            health("store", true, &store.borrow()),
            health("deliveries", false, &deliveries.borrow()),
        ];
        let others = others.iter();
        checks.extend(others.map(|(name, other)| health(name, false, &other.borrow())));
        let collector = traces.current().map(|traces| traces.health());
        checks.extend(collector.map(|collector| health("traces", false, &collector.borrow())));
        checks.push(Check {
            name: "time zones".into(),
            ok: true,
            vital: false,
            detail: zone::database().to_string(),
        });
        checks
    })
}

fn health(name: &str, vital: bool, health: &switchhook_core::health::Health) -> Check {
    Check {
        name: name.into(),
        ok: health.ok,
        vital,
        detail: if health.ok {
            "healthy".into()
        } else {
            health.what.clone()
        },
    }
}
