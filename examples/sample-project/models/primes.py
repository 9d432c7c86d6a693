"""How many primes are there below n? Legendre guessed n / (ln n - a) in 1808, and fitted a = 1.08366 by hand.

The short way: a function, and versions of its arguments. Gradient descent finds `a` again, from the primes.
"""

import json
from math import log

from mlpipeline import FunctionModel, Versions


def count_primes(limit):
    """Return a list whose item n is the number of primes up to n (the sieve of Eratosthenes)."""
    is_prime = bytearray([0, 0]) + bytearray([1]) * (limit - 1)
    for n in range(2, int(limit**0.5) + 1):
        if is_prime[n]:
            is_prime[n * n :: n] = bytes(len(range(n * n, limit + 1, n)))
    counts, count = [], 0
    for flag in is_prime:
        count += flag
        counts.append(count)
    return counts


def train(limit, learning_rate, steps, *, model_dir, run):
    """Fit `a` to the primes up to `limit`, on 1000 values of n in even distances."""
    counts = count_primes(limit)
    samples = [(log(n), n / counts[n]) for n in range(limit // 1000, limit + 1, limit // 1000)]

    # An earlier run may have been cut short: go on where it was. `run.steps` yields only what is left.
    checkpoint = model_dir / "a.json"
    a = json.loads(checkpoint.read_text()) if checkpoint.exists() else 0.0

    for step in run.steps(steps):
        errors = [log_n - a - gap for log_n, gap in samples]  # n / counts[n] is the mean gap between primes
        a += learning_rate * 2 * sum(errors) / len(errors)
        aside = checkpoint.with_suffix(".new")
        aside.write_text(json.dumps(a))
        aside.replace(checkpoint)  # whole or not at all, whatever dies meanwhile
        run.log_metrics({"loss": sum(error**2 for error in errors) / len(errors), "a": a}, step=step)

    guess = limit / (log(limit) - a)
    return {"a": a, "primes": counts[limit], "guess": round(guess), "off_by": abs(guess / counts[limit] - 1)}


# Every keyword is an argument of `train`; here the versions' names say how far they look.
versions = Versions(learning_rate=0.05, steps=100)
versions.add_version("thousands", limit=10_000)
versions.add_version("legendre", limit=400_000)  # as far as Legendre's table went
versions.add_version("millions", limit=2_000_000)

MODEL = FunctionModel(train, versions)
