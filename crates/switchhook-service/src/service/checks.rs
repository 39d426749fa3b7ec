//! How each part is: what `/readyz` says.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::call_control::CallControl;
use crate::traces;
use switchhook_admin::http::Check;

use super::Health;

/// How the parts are, whenever asked: whether it listens, then `switches` after the others.
pub(super) fn checks(
    esl: SocketAddr,
    call_control: &Arc<CallControl>,
    store: Health,
    deliveries: Health,
    stopping: CancellationToken,
    switches: Vec<(String, Health)>,
    traces: traces::TracesHandle,
) -> Arc<dyn Fn() -> Vec<Check> + Send + Sync> {
    let call_control = Arc::clone(call_control);
    Arc::new(move || {
        let on_hold = call_control.on_hold();
        let listening = !stopping.is_cancelled();
        let esl_detail = match listening {
            true => format!("listening on {esl}, {on_hold} calls on hold"),
            false => format!("stopping, {on_hold} calls on hold"),
        };
        let mut checks = vec![
            Check {
                name: "esl".into(),
                ok: listening,
                vital: true,
                detail: esl_detail,
            },
            health("store", true, &store.borrow()),
            health("deliveries", false, &deliveries.borrow()),
        ];
        let switches = switches.iter();
        checks.extend(switches.map(|(name, switch)| health(name, false, &switch.borrow())));
        let collector = traces.now().map(|traces| traces.health());
        checks.extend(collector.map(|collector| health("traces", false, &collector.borrow())));
        checks
    })
}

fn health(name: &str, vital: bool, health: &switchhook_core::health::Health) -> Check {
    Check {
        name: name.into(),
        ok: health.ok,
        vital,
        detail: if health.ok {
            "well".into()
        } else {
            health.what.clone()
        },
    }
}
