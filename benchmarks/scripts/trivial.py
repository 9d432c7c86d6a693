"""Next to nothing: what is left is what it costs to run a script at all."""

import json


def train(learning_rate, folder):
    """Descend a parabola, and write down where that led."""
    x = 0.0
    for _ in range(100):
        x -= learning_rate * 2 * (x - 3)
    results = {"x": x, "error": abs(x - 3)}
    (folder / "result.json").write_text(json.dumps(results))
    return results
