#!/usr/bin/env bash
# Guess:   a simple JSONPath finds the same in every library, or an error says that the library does not know it.
# Truth:   npm jsonpath-plus finds nothing, without an error, for [-1], for ['a','b'] and for a filter without round brackets; RFC 9535
#          has all three. Its == in a filter is JavaScript's: the text "16" equals the number 16. PyPI jsonpath-ng agrees with the RFC
#          on these, but also takes the bare name a-b, which the RFC refuses.
# Version: npm jsonpath-plus 10.4.0, PyPI jsonpath-ng 1.16.0, PyPI jsonpath-rfc9535 1.0.1 as the RFC's own reading
# Date:    2026-11-29
# Matters: the path of a webhook's answer is often tried in one program and used in another. A path that finds nothing is a failed
#          call, and a hang-up cause that is text in one answer and a number in the next matches in one library only.
. "$(dirname "$0")/support.sh"

cat > input.json <<'END'
{"document": {"legs": [{"cause": "16"}, {"cause": 16}], "queue": "sales", "line": "0", "a-b": 1},
 "paths": ["$.legs[-1]", "$['queue','line']", "$.legs[?(@.cause==16)]", "$.legs[?@.cause==16]", "$.a-b", "$['a-b']"]}
END
cat > find.py <<'END'
import json
import jsonpath_rfc9535
from jsonpath_ng.ext import parse

given = json.load(open("input.json"))
libraries = {
    "RFC 9535     ": lambda path: [node.value for node in jsonpath_rfc9535.find(path, given["document"])],
    "jsonpath-ng  ": lambda path: [match.value for match in parse(path).find(given["document"])],
}
for name, find in libraries.items():
    for path in given["paths"]:
        try:
            print(name, path, "->", json.dumps(find(path), separators=(",", ":")))
        except Exception as error:
            print(name, path, "-> raises", type(error).__name__)
END
cat > find.js <<'END'
const { JSONPath } = require('jsonpath-plus')
const { document, paths } = require('./input.json')
for (const path of paths) console.log('jsonpath-plus', path, '->', JSON.stringify(JSONPath({ path, json: document })))
END
python_packages jsonpath-ng==1.16.0 jsonpath-rfc9535==1.0.1
node_packages jsonpath-plus@10.4.0
{ "$python" find.py; node find.js; } > seen

# The output seen:
expect <<'END'
RFC 9535      $.legs[-1] -> [{"cause":16}]
RFC 9535      $['queue','line'] -> ["sales","0"]
RFC 9535      $.legs[?(@.cause==16)] -> [{"cause":16}]
RFC 9535      $.legs[?@.cause==16] -> [{"cause":16}]
RFC 9535      $.a-b -> raises JSONPathSyntaxError
RFC 9535      $['a-b'] -> [1]
jsonpath-ng   $.legs[-1] -> [{"cause":16}]
jsonpath-ng   $['queue','line'] -> ["sales","0"]
jsonpath-ng   $.legs[?(@.cause==16)] -> [{"cause":16}]
jsonpath-ng   $.legs[?@.cause==16] -> [{"cause":16}]
jsonpath-ng   $.a-b -> [1]
jsonpath-ng   $['a-b'] -> [1]
jsonpath-plus $.legs[-1] -> []
jsonpath-plus $['queue','line'] -> []
jsonpath-plus $.legs[?(@.cause==16)] -> [{"cause":"16"},{"cause":16}]
jsonpath-plus $.legs[?@.cause==16] -> []
jsonpath-plus $.a-b -> [1]
jsonpath-plus $['a-b'] -> [1]
END
