//! Where every fault comes from.

use std::sync::OnceLock;

/// Half of the faults are the same in every run.
const FIXED: u64 = 5;
const SEED: &str = "SWITCHHOOK_CHAOS_SEED";

fn given() -> Option<u64> {
    let seed = std::env::var(SEED).ok()?;
    Some(seed.parse().expect("SWITCHHOOK_CHAOS_SEED is a number"))
}

fn fresh() -> u64 {
    static FRESH: OnceLock<u64> = OnceLock::new();
    *FRESH.get_or_init(|| given().unwrap_or_else(|| fastrand::u64(..)))
}

/// Says how this run is repeated.
pub fn tell() {
    match given() {
        Some(seed) => println!("{SEED}={seed} throughout"),
        None => println!(
            "half of the faults: {SEED}={FIXED}; the others: {SEED}={}",
            fresh()
        ),
    }
}

/// The dice of the part `number` of a trial: of every two parts one has the fixed seed. With
/// a seed given, all have that one.
pub fn of(trial: &str, number: usize) -> fastrand::Rng {
    let seed = match given() {
        None if number.is_multiple_of(2) => FIXED,
        None | Some(_) => fresh(),
    };
    let name = trial.bytes().fold(seed, |mixed, byte| {
        mixed.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte)
    });
    fastrand::Rng::with_seed(name.wrapping_add(number as u64))
}

/// So many in a run of minutes; with `SWITCHHOOK_CHAOS=long` fifty times as many.
pub fn times(count: usize) -> usize {
    match is_long() {
        true => count * 50,
        false => count,
    }
}

pub fn is_long() -> bool {
    match std::env::var("SWITCHHOOK_CHAOS").as_deref() {
        Ok("long") => true,
        Ok(other) => panic!("SWITCHHOOK_CHAOS={other}: only \"long\" is known"),
        Err(_) => false,
    }
}
