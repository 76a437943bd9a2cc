//! Deciding which endpoints an event goes to.

use aftercall::domain::filter::Filters;
use divan::{Bencher, black_box, counter::ItemsCount};

#[divan::bench(args = [1, 10, 100])]
fn endpoints(bencher: Bencher<'_, '_>, count: usize) {
    let own = |list: &[&str]| list.iter().map(ToString::to_string).collect();
    let kinds = [
        Filters::default(),
        Filters { events: own(&["call.*"]), intents: own(&["renewal", "pricing"]) },
        Filters { events: own(&["reservation.created", "reminder.24h.sent", "call.summarised"]), intents: Vec::new() },
        Filters { events: own(&["handoff.*", "custom.deal_won"]), intents: Vec::new() },
    ];
    let filters: Vec<Filters> = kinds.into_iter().cycle().take(count).collect();
    bencher.counter(ItemsCount::new(count)).bench(|| {
        let (event_type, intent) = black_box(("call.summarised", Some("renewal")));
        filters.iter().filter(|filters| filters.pass(event_type, intent)).count()
    });
}
