//! Traces: where in one the current span stands, and how a row and another process go on with it.
//!
//! Without an exporter there are no spans to stand in: ids are made all the same, since log lines and the API carry them,
//! and nothing is propagated. No one else's trace is gone on with: who calls from outside does not choose our ids.

use http::{HeaderName, HeaderValue};
use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use reqwest::RequestBuilder;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::domain::trace::Trace;

/// The header of W3C trace context.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Where the current span stands; a trace of its own where no spans are made.
#[must_use]
pub fn current() -> Trace {
    recorded().unwrap_or_else(Trace::unrecorded)
}

/// Where the current span stands in the trace of what is being worked on.
#[must_use]
pub fn current_in(trace_id: &str) -> Trace {
    // A row from before traces were exported has an id that none of our spans has.
    let here = recorded().filter(|here| here.id == trace_id);
    here.unwrap_or_else(|| Trace { id: trace_id.to_owned(), parent: None })
}

/// Makes a span that has just been made go on where a row says that it was made.
pub fn follow(span: &Span, trace_id: &str, parent: Option<&str>) {
    if let Some(parent) = parent.and_then(|parent| span_context(trace_id, parent)) {
        let _ = span.set_parent(Context::new().with_remote_span_context(parent)); // fails where no spans are exported
    }
}

/// Says of the current span that what it stands for failed.
pub fn mark_failed(why: &'static str) {
    Span::current().set_status(Status::error(why));
}

/// The value of a `traceparent` header that leads to the current span.
#[must_use]
pub fn traceparent() -> Option<HeaderValue> {
    let Trace { id, parent } = recorded()?;
    HeaderValue::try_from(format!("00-{id}-{}", parent?)).ok()
}

/// Lets whoever gets a request go on with our trace.
pub fn propagate(request: RequestBuilder) -> RequestBuilder {
    match traceparent() {
        Some(value) => request.header(TRACEPARENT, value),
        None => request,
    }
}

fn recorded() -> Option<Trace> {
    let context = Span::current().context();
    let span = context.span();
    let span = span.span_context();
    let flags = (span.trace_flags() & TraceFlags::SAMPLED).to_u8();
    span.is_valid()
        .then(|| Trace { id: span.trace_id().to_string(), parent: Some(format!("{}-{flags:02x}", span.span_id())) })
}

fn span_context(trace_id: &str, parent: &str) -> Option<SpanContext> {
    let (span, flags) = parent.split_once('-')?;
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    let (trace_id, span) = (TraceId::from_hex(trace_id).ok()?, SpanId::from_hex(span).ok()?);
    let context = SpanContext::new(trace_id, span, flags, true, TraceState::default());
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_leads_back_to_its_span_with_the_flag_that_was_decided() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        for (flags, sampled) in [("01", true), ("00", false)] {
            let context = span_context(id, &format!("00f067aa0ba902b7-{flags}")).unwrap();
            assert_eq!((context.trace_id().to_string().as_str(), context.is_sampled()), (id, sampled));
            assert_eq!(context.span_id().to_string(), "00f067aa0ba902b7");
            assert!(context.is_remote());
        }
        for bad in ["", "00f067aa0ba902b7", "0000000000000000-01", "x-01", "00f067aa0ba902b7-x"] {
            assert_eq!(span_context(id, bad), None, "{bad}");
        }
    }

    #[test]
    fn without_an_exporter_there_is_an_id_and_nothing_to_propagate() {
        let trace = current();
        assert_eq!((trace.id.len(), trace.parent), (32, None));
        assert_eq!(traceparent(), None);
        assert_eq!(current_in("abc"), Trace { id: "abc".to_owned(), parent: None });
    }
}
