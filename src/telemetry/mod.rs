//! What can be seen from outside: log lines and metrics. Exporters of traces come here too.

mod logs;
mod metrics;

pub use self::{
    logs::{LogGuard, start_logs},
    metrics::Metrics,
};
