#!/usr/bin/env bash
# Guess:   the phone number libraries read a tel: URI with the parameters that a SIP trunk adds.
# Truth:   they know ;phone-context, ;isub and ;ext. With another parameter, such as number portability's ;npdi (RFC 4694) or a trunk
#          group's ;tgrp (RFC 4904), phonenumbers finds no number at all. libphonenumber-js, made after the same original, reads the
#          number as long as no digit is in the parameter. The two also differ on ;phone-context without "tel:" and on a sip: URI.
# Version: PyPI phonenumbers 9.0.43, npm libphonenumber-js 1.13.16
# Date:    2026-11-29
# Matters: the user part of a From or P-Asserted-Identity header goes into a call record as the trunk sent it. Numbers work in the lab
#          and are "not a phone number" on the first trunk that looks up ported numbers. Cut such parameters off first.
. "$(dirname "$0")/support.sh"

cat > read.py <<'END'
import json, phonenumbers
for text in json.load(open("numbers.json")):
    try:
        number = phonenumbers.format_number(phonenumbers.parse(text, "DE"), phonenumbers.PhoneNumberFormat.E164)
    except phonenumbers.NumberParseException:
        number = "none"
    print("phonenumbers      ", text, "->", number)
END
cat > read.js <<'END'
const { parsePhoneNumberFromString } = require('libphonenumber-js/max')
for (const text of require('./numbers.json')) {
  console.log('libphonenumber-js ', text, '->', parsePhoneNumberFromString(text, 'DE')?.number ?? 'none')
}
END
cat > numbers.json <<'END'
["tel:+49-30-555000",
 "tel:+49-30-555000;isub=12",
 "tel:+49-30-555000;npdi",
 "tel:+49-30-555000;npdi;rn=+49-30-900000",
 "tel:+49-30-555000;tgrp=east;trunk-context=example.com",
 "+4930555000;tgrp=7;trunk-context=example.com",
 "tel:030-555000;phone-context=+49",
 "030555000;phone-context=+49",
 "sip:+4930555000@example.com"]
END
python_packages phonenumbers==9.0.43
node_packages libphonenumber-js@1.13.16
{ "$python" read.py; node read.js; } > seen

# The output seen:
expect <<'END'
phonenumbers       tel:+49-30-555000 -> +4930555000
phonenumbers       tel:+49-30-555000;isub=12 -> +4930555000
phonenumbers       tel:+49-30-555000;npdi -> none
phonenumbers       tel:+49-30-555000;npdi;rn=+49-30-900000 -> none
phonenumbers       tel:+49-30-555000;tgrp=east;trunk-context=example.com -> none
phonenumbers       +4930555000;tgrp=7;trunk-context=example.com -> none
phonenumbers       tel:030-555000;phone-context=+49 -> +4930555000
phonenumbers       030555000;phone-context=+49 -> +4930555000
phonenumbers       sip:+4930555000@example.com -> none
libphonenumber-js  tel:+49-30-555000 -> +4930555000
libphonenumber-js  tel:+49-30-555000;isub=12 -> +4930555000
libphonenumber-js  tel:+49-30-555000;npdi -> +4930555000
libphonenumber-js  tel:+49-30-555000;npdi;rn=+49-30-900000 -> none
libphonenumber-js  tel:+49-30-555000;tgrp=east;trunk-context=example.com -> +4930555000
libphonenumber-js  +4930555000;tgrp=7;trunk-context=example.com -> none
libphonenumber-js  tel:030-555000;phone-context=+49 -> +4930555000
libphonenumber-js  030555000;phone-context=+49 -> none
libphonenumber-js  sip:+4930555000@example.com -> +4930555000
END
