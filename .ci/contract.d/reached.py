"""Shows what each operation answered and fails where a run, though without a fault, tested nothing.

Without this a run is green when its token is refused everywhere: every 401, 403, 404 and 429 is a documented answer.
"""
import json
import sys

document, answers, role = json.load(open(sys.argv[1])), json.load(open(sys.argv[2])), sys.argv[3]
# Lists of these are for administrators only.
ADMIN_ONLY = set(sys.argv[4].split(",")) if len(sys.argv) > 4 else set()
# Whether these can be done depends on what has failed by then; that it has not is answered 409 and shows the thing was found.
STATE = {"retry_delivery", "retry_run", "reprocess_call"}
hollow = []
for path, item in document["paths"].items():
    for method, operation in item.items():
        if method not in ("get", "post", "put", "patch", "delete"):
            continue
        name = operation["operationId"]
        counts = {int(status): count for status, count in answers.get(name, {}).items()}
        done = sum(count for status, count in counts.items() if 200 <= status < 300 or (status == 409 and name in STATE))
        wanted = role == "admin" or path.startswith("/webhooks/") or (method == "get" and name not in ADMIN_ONLY)
        mark = " "
        if wanted and not done:
            hollow.append(name)
            mark = "!"
        elif not wanted and not counts.get(403):
            hollow.append(name)
            mark = "!"
        print(f" {mark} {name:28}", " ".join(f"{status}:{count}" for status, count in sorted(counts.items())))
if hollow:
    print("never answered as they should at least once as", role + ":", ", ".join(hollow))
    sys.exit(1)
