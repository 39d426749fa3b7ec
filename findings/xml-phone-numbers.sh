#!/usr/bin/env bash
# Guess:   an XML parser gives the text of an element as text, so that a phone number stays what it is.
# Truth:   fast-xml-parser turns an element's text into a number where it can, without being told to: the plus of +4930555000 and the
#          zeros of 0401 are gone, and the code 1E3 is 1000. Attributes stay text. xml2js and Python's xmltodict keep all of it as
#          text.
# Version: npm fast-xml-parser 5.12.1, npm xml2js 0.6.2, PyPI xmltodict 1.0.2
# Date:    2026-11-29
# Matters: an international number looks like a national one, and extension 0401 cannot be dialled. Tests with the number 919879072567
#          do not show it. parseTagValue: false keeps the text.
. "$(dirname "$0")/support.sh"

cat > answer.xml <<'END'
<answer><number>+4930555000</number><extension>0401</extension><code>1E3</code><plain>919879072567</plain><agent number="+4930555000"/></answer>
END
cat > read.js <<'END'
const { readFileSync } = require('node:fs')
const { XMLParser } = require('fast-xml-parser')
const { parseString } = require('xml2js')
const xml = readFileSync('answer.xml', 'utf8')
const options = { ignoreAttributes: false }
console.log('fast-xml-parser', JSON.stringify(new XMLParser(options).parse(xml).answer))
console.log('fast-xml-parser, parseTagValue: false', JSON.stringify(new XMLParser({ ...options, parseTagValue: false }).parse(xml).answer))
parseString(xml, { explicitArray: false }, (_, read) => console.log('xml2js', JSON.stringify(read.answer)))
END
cat > read.py <<'END'
import json, xmltodict
print("xmltodict", json.dumps(xmltodict.parse(open("answer.xml").read())["answer"], separators=(",", ":")))
END
node_packages fast-xml-parser@5.12.1 xml2js@0.6.2
python_packages xmltodict==1.0.2
{ node read.js; "$python" read.py; } > seen

# The output seen:
expect <<'END'
fast-xml-parser {"number":4930555000,"extension":401,"code":1000,"plain":919879072567,"agent":{"@_number":"+4930555000"}}
fast-xml-parser, parseTagValue: false {"number":"+4930555000","extension":"0401","code":"1E3","plain":"919879072567","agent":{"@_number":"+4930555000"}}
xml2js {"number":"+4930555000","extension":"0401","code":"1E3","plain":"919879072567","agent":{"$":{"number":"+4930555000"}}}
xmltodict {"number":"+4930555000","extension":"0401","code":"1E3","plain":"919879072567","agent":{"@number":"+4930555000"}}
END
