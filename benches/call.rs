//! What a call costs besides its sockets: `cargo bench --bench call`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench that cannot go on fails"
)]

use test_support::work;

use divan::counter::BytesCount;
use divan::{AllocProfiler, Bencher, black_box};
use switchhook_core::sanitize::inert;

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

#[divan::bench]
fn encode_the_leaving() -> Vec<u8> {
    work::encode()
}

#[divan::bench(args = ["nothing to do", "hostile"])]
fn make_a_kilobyte_inert(bencher: Bencher<'_, '_>, kind: &str) {
    let [plain, hostile] = work::values();
    let value = if kind == "hostile" { hostile } else { plain };
    bencher
        .counter(BytesCount::of_str(&value))
        .bench(|| inert(black_box(&value)).len());
}

/// Two legs, recorded: every event through the ledger, and the document at its end.
#[divan::bench]
fn ledger_and_document(bencher: Bencher<'_, '_>) {
    let events = work::call_events();
    bencher.bench(|| work::documents(black_box(&events)));
}
