"""Has schemathesis try a server against its own document.

URL, TOKEN, PHASES, EXAMPLES and SEED are in the environment. It fails with all that was found.
"""

import os
from pathlib import Path

# Whoever runs this reads the complaints.
os.dup2(2, 1)

from schemathesis.cli import schemathesis  # noqa: E402

schemathesis(
    [
        "--config-file",
        str(Path(__file__).with_name("schemathesis.toml")),
        "run",
        os.environ["URL"] + "/admin/v1/openapi.json",
        "--url",
        os.environ["URL"],
        "--header",
        "Authorization: Bearer " + os.environ["TOKEN"],
        "--phases",
        os.environ["PHASES"],
        "--max-examples",
        os.environ["EXAMPLES"],
        "--seed",
        os.environ["SEED"],
    ]
)
