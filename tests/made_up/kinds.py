"""What the projects of `made_up.projects` are made of: ways to write Python that maps a number to a number.

In a text stand `$N` for the item's own name, and holes that are filled at random and may be edited: `$c` a number,
`$n` a small whole one, `$s` a string, `$o` an operator, `$v` a number that the module reads from a file; and other
items: `$f{x}` calls one with a number, `$r` is one that can be called, `$k` a class, `$d` the line of a decorator,
`$g` a registry, `$i` an import inside that binds `late`.
`$l0`, `$l1` are local variables, which may be renamed.
"""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    #: What holes take it: call, class, decorator, registry or stage.
    role: str
    text: str
    #: How it is used, where `$R` is what leads to it and `$x` what it gets.
    use: str = "$R($x)"
    #: Whether it is reached by its first callee, to which its module does something.
    is_through_another: bool = False


def _call(text: str, use: str = "$R($x)") -> Kind:
    return Kind("call", text, use)


KINDS = {
    "function": _call("""
        def $N(x, by=$c):
            $l0 = x $o $c
            return ($l0 + by * $f{x}) % 9973
    """),
    "function of its own": _call("""
        def $N(x):
            $l0 = x $o $c
            return $l0 * $n
    """),
    "keyword default": _call("""
        def $N(x, *, by=$c, plus=$n):
            return (x $o by) + plus * 7
    """),
    "default that is called": _call("""
        def $N(x, then=$r):
            return then(x) * $n + $c
    """),
    "default that is a list": _call("""
        def $N(x, weights=[$c, $c], *, names={"a": $s}):
            return sum(weights) * x + len(str(names))
    """),
    "any arguments": _call("""
        def $N_inner(*values, **named):
            return sum(values) $o named["by"]

        def $N(x):
            return $N_inner(x, *[$c, $f{x}], **{"by": $c})
    """),
    "constant": _call("$N = $c", "($R * 3 + $x)"),
    "computed constant": _call("$N = $c $o $f{2}", "($R * 3 + $x)"),
    "read from outside": _call("$N = [$v, $n]", "(sum($R) * 3 + $x)"),
    "namespace from outside": _call("$N = types.SimpleNamespace(by=$v, of=$n)", "($R.by * 3 + $R.of + $x)"),
    "arguments from outside": _call("""
        $N = argparse.ArgumentParser().parse_args([], argparse.Namespace(by=$v))
    """, "($R.by * 3 + $x)"),
    "generator seeded from outside": _call("$N = random.Random($v)", "($R.getstate()[1][0] % 97 + $x)"),
    "object of NumPy from outside": _call("$N = {'it': numpy.poly1d([$v, $n])}", "(int($R['it'](2)) + $x)"),
    "default from outside": _call("""
        def $N(x, by=[types.SimpleNamespace(it=$v)], *, of=numpy.poly1d([$v, 1])):
            return by[0].it * x $o int(of($n))
    """),
    "object with some from outside": _call("""
        class $N_kind:
            def __init__(self):
                self.held = types.SimpleNamespace(by=$v)

            def times(self, x):
                return self.held.by * x + $n

        $N = $N_kind()
    """, "$R.times($x)"),
    "string": _call("$N = [$s, ($s, $c)]", "(sum(map(ord, str($R))) + $x)"),
    "list of lists": _call("$N = [[$c, $n], {'a': ($c, None)}]", "(sum(map(ord, str($R))) + $x)"),
    "sets": _call("""
        $N = {'red', $s, 'green', 'blue'}, frozenset([$n, ($n, $s)])
    """, "(sum(map(ord, str([sorted($R[0], key=str), sorted($R[1], key=str)]))) + $x)"),
    "added to": _call("""
        $N = [$n]
        $N.append($c)
        for $N_each in range($n):
            $N.insert(0, $N_each)
        $N += [$n]
    """, "(sum($R) * 3 + $x)"),
    "counted up": _call("""
        $N = $c
        $N $o= $n
        def $N_configure(value):
            global $N
            $N = $N * 2 + value
        $N_configure($n)
    """, "($R * 5 + $x)"),
    "dispatch": _call("""
        $N = {"a": $r, "b": $r, "c": {"inner": ($r, $c)}}
    """, '($R["a"]($x) + 2 * $R["b"]($x + 1) + $R["c"]["inner"][0]($x) * $R["c"]["inner"][1])'),
    "dispatch with a default": _call("""
        $N_ways = {$n: lambda x: x $o $c}

        def $N(x):
            return $N_ways.get($n, $r)(x)
    """),
    "registered": _call("""
        $N_ways = {}

        def $N_registered(name):
            def decorate(function):
                $N_ways[name] = function
                return function
            return decorate

        @$N_registered("one")
        def $N_one(x):
            return x $o $c

        @$N_registered("two")
        def $N_two(x):
            return $f{x} + $n
    """, '($R_ways["one"]($x) + 3 * $R_ways["two"]($x))'),
    "closure": _call("""
        def $N_maker(n):
            kept = n + $n
            def inner(x):
                return kept * x + $f{x} $o $c
            return inner

        $N = $N_maker($c)
    """),
    "two closures": _call("""
        def $N_maker(n):
            def inner(x):
                return n * x
            return inner

        $N_pair = [$N_maker($n), $N_maker($n)]

        def $N(x):
            return $N_pair[0](x) * 3 + $N_pair[1](x + 1)
    """),
    "closure over a function": _call("""
        def $N_around(function, times):
            def inner(x):
                for $l0 in range(times):
                    x = function(x) % 101
                return x
            return inner

        $N = $N_around($r, $n % 3 + 1)
    """),
    "counter in a closure": _call("""
        def $N(x):
            total = $c
            def add(amount):
                nonlocal total
                total = total $o amount
            add(x); add($n)
            return total
    """),
    "lambda": _call("$N = lambda x, by=$c: (x $o by) * $n + $f{x}"),
    "lambdas in one line": _call("$N_one = lambda x: x + $n; $N = lambda x: $N_one(x) $o (lambda y: y * $n)(x)"),
    "list of lambdas": _call("""
        $N = [lambda x: x * $n, lambda x: x + $n, $r]
    """, "($R[0]($x) * 2 + $R[1]($x) - $R[2]($x))"),
    "alias": _call("$N = $r"),
    "partial": _call("""
        def $N_raw(x, by, *, plus=$n):
            return (x $o by) * 3 + plus

        $N = partial($N_raw, by=$c, plus=$n)
    """),
    "partial of another": _call("$N = partial(operator.add, $c)", "($R($x) * 2)"),
    "partial of a method": _call("""
        class $N_kind:
            def scaled(self, x, by, plus):
                return x * by + plus

            tripled = partialmethod(scaled, $n, plus=$c)

        $N = $N_kind()
    """, "$R.tripled($x)"),
    "composed": _call("""
        def $N_chain(*functions):
            return lambda x: functools.reduce(lambda value, function: function(value) % 997, functions, x)

        $N = $N_chain($r, $r, lambda x: x $o $c)
    """),
    "recursion": _call("""
        def $N(x, depth=$n):
            if depth <= 0:
                return $c
            return (x + 2 * $N(x $o 1, depth - 1)) % 997
    """),
    "mutual recursion": _call("""
        def $N_even(x, depth):
            return $n if depth <= 0 else 2 * $N_odd(x, depth - 1) + x

        def $N_odd(x, depth):
            return $n if depth <= 0 else 3 * $N_even(x, depth - 1) $o $c

        def $N(x):
            return $N_even(x, $n)
    """),
    "chosen as it runs": _call("""
        def $N(x):
            $l0 = x % 3
            return $f{x} if $l0 < $n % 3 else $f{x + 1} + $c
    """),
    "chosen as it loads": _call("""
        $N_limit = $n
        if $N_limit > $n:
            def $N(x):
                return x $o $c
        else:
            def $N(x):
                return x * $n + $n
    """),
    "chosen by a name": _call("""
        $N_one, $N_other = $r, $r
        $N = $N_one if $n > 4 else $N_other
    """),
    "tried": _call("""
        try:
            from nowhere import $N
        except ImportError:
            def $N(x):
                return x $o $c
    """),
    "generator": _call("""
        def $N_each(x):
            for $l0 in range($n):
                yield $l0 * x
            yield from [$n, $f{x}]

        def $N(x):
            return sum($N_each(x))
    """),
    "comprehension": _call("""
        def $N(x):
            $l0 = {$l1: $l1 $o x for $l1 in range($n)}
            return sum($l1 * $c for $l1 in $l0.values()) + len([... for $l1 in range($n) if $l1 % 2])
    """),
    "match": _call("""
        def $N(x):
            match x % 3, {"by": $n}:
                case 0, {"by": $l0}:
                    return $l0 + $n
                case $l0, {"by": $l1} if $l1 > $n:
                    return $l0 $o $c
                case _:
                    return x * $n
    """),
    "walrus": _call("""
        def $N(x):
            if ($l0 := x $o $c) > $n:
                return $l0 * 2
            return [$l1 := $l0 + $n, $l1 * 3][1]
    """),
    "string of it": _call("""
        def $N(x):
            $l0 = f"{x:>{$n}}{$s!r}%s" % ($s,)
            return sum(map(ord, $l0))
    """),
    "exceptions": _call("""
        class $N_error(ValueError):
            code = $n

        def $N(x):
            try:
                if x % 2:
                    raise $N_error(x)
                return $c
            except ValueError as $l0:
                return $l0.code * 3 $o $n
            finally:
                x += 1
    """),
    "context": _call("""
        @contextmanager
        def $N_shifted(x):
            yield x $o $c

        def $N(x):
            with $N_shifted(x) as $l0:
                return $l0 * $n
    """),
    "dispatch by type": _call("""
        @singledispatch
        def $N_of(x):
            return $n

        @$N_of.register
        def _(x: int):
            return x $o $c

        @$N_of.register(str)
        def _(x):
            return len(x) + $n
    """, '($R_of($x) + 5 * $R_of("text") + $R_of(None))'),
    "coroutine": _call("""
        async def $N_later(x):
            return x $o $c

        async def $N_twice(x):
            return await $N_later(x) * $n

        def $N(x):
            try:
                $N_twice(x).send(None)
            except StopIteration as $l0:
                return $l0.value
    """),
    "decorated": _call("""
        $d
        def $N(x, by=$n):
            return x * by $o $c
    """),
    "decorated twice": _call("""
        $d
        $d
        def $N(x):
            return $f{x} + $c
    """),
    "remembered": _call("""
        @lru_cache(maxsize=$n)
        def $N(x):
            return x $o $c
    """),
    "sorted by a key": _call("""
        def $N_order(value):
            return value * $n % 7

        def $N(x):
            $l0 = sorted(range(5), key=$N_order)
            return $l0[0] * $c + max($l0, key=lambda each: each * $n % 5) + x
    """),
    "late import": _call("""
        def $N(x):
            $i
            return late(x) $o $c
    """),
    "instance": _call("$N = $k($n)", "$R.value($x)"),
    "made as it runs": _call("""
        def $N(x):
            return $k($n).value(x) + $k.factor
    """),
    "bound method": _call("$N = $k($n).value"),
    "instances": _call("""
        $N = {'a': [$k($n)], 'b': ($k($n), $c)}
    """, "($R['a'][0].value($x) + $R['b'][0].value($x) * $R['b'][1])"),
    "inherited as it runs": _call("""
        def $N(x):
            class Inner($k):
                factor = $n

                def value(self, x):
                    return super().value(x) $o self.factor
            return Inner($n).value(x)
    """),
    "class made by a call": _call("""
        $N = type("Made", ($k,), {"factor": $n, "more": lambda self, x: x $o $c})
    """, "($R(2).value($x) + $R(1).more($x))"),
    "patched": _call("""
        class $N_kind:
            def value(self, x):
                return x

        $N_kind.value = lambda self, x: x $o $c

        def $N(x):
            return $N_kind().value(x)
    """),
    "dataclass": _call("""
        @dataclass(order=True)
        class $N:
            size: int = $n
            scale: float = $c
            names: list = field(default_factory=lambda: [$n, $n])

            def value(self, x):
                return (self.size $o x) * self.scale + sum(self.names)
    """, "$R().value($x)"),
    "dataclass that inherits": _call("""
        @dataclass
        class $N_base:
            size: int = $n
            def __post_init__(self):
                self.area = self.size * $n

        @dataclass
        class $N($N_base):
            scale: float = $c
    """, "($R().area * $R().scale + $x)"),
    "enum": _call("""
        class $N(IntEnum):
            RED = $n
            GREEN = $n + 10

            @property
            def twice(self):
                return self.value * $n
    """, "($R.RED + $R.GREEN.twice + $x)"),
    "enum of functions": _call("""
        class $N(Enum):
            ONE = ($n, $s)
            OTHER = [$n, $s]

            def of(self, x):
                return len(str(self.value[:2])) $o x
    """, "$R.ONE.of($x)"),
    "named tuple": _call("$N = namedtuple('$N', 'a b', defaults=[$c])($n)", "($R.a * $x + $R.b)"),
    "typed named tuple": _call("""
        class $N(NamedTuple):
            a: int
            b: int = $n

            def value(self, x):
                return self.a * x $o self.b
    """, "$R(3).value($x)"),
    "descriptor": _call("""
        class $N_scaled:
            def __init__(self, by):
                self.by = by
            def __get__(self, instance, owner):
                return instance.n * self.by + $n

        class $N:
            size = $N_scaled($n)
            def __init__(self, n):
                self.n = n
    """, "$R($x).size"),
    "subclass hook": _call("""
        class $N_base:
            made = {}
            def __init_subclass__(cls, by, **rest):
                cls.by = by $o $n
                $N_base.made[cls.__name__] = cls

        class $N_one($N_base, by=$n):
            def value(self, x):
                return x * self.by + $n
    """, "list($R_base.made.values())[0]().value($x)"),
    "metaclass": _call("""
        class $N_meta(type):
            def __new__(meta, name, bases, names):
                names["made"] = $n
                return super().__new__(meta, name, bases, names)
            def __call__(cls, *values):
                return super().__call__(values[0] $o $c)

        class $N(metaclass=$N_meta):
            def __init__(self, n):
                self.n = n
    """, "($R($x).n + $R.made)"),
    "operators": _call("""
        class $N_number:
            def __init__(self, n): self.n = n
            def __add__(self, other): return $N_number(self.n $o other.n + $n)
            def __getitem__(self, at): return self.n + at * $n
            def __getattr__(self, name): return len(name) * $n
            def __call__(self, x): return self[x] + self.missing

        $N = $N_number($n) + $N_number($c)
    """),
    "cached property": _call("""
        class $N:
            __slots__ = ("n", "__dict__")
            def __init__(self, n):
                self.n = n
            @cached_property
            def size(self):
                return self.n $o $c
    """, "$R($x).size"),
    "generic": _call("""
        $N_any = TypeVar("$N_any")

        class $N(Generic[$N_any]):
            default = [$n, {"a": $c}]
            def value(self, x: $N_any) -> $N_any:
                return x $o self.default[0] + self.default[1]["a"]
    """, "$R[int]().value($x)"),
    "inner class": _call("""
        class $N:
            class Inner:
                size = $n
                class Deepest:
                    def value(self, x): return x $o $c
            table = [each * $n for each in range($n)]
            of = {"inner": Inner}
    """, "($R.of['inner'].Deepest().value($x) + $R.Inner.size + sum($R.table))"),
    "objects of collections": _call(
        "$N = [OrderedDict(a=$c), Counter(b=$n), deque([$n], maxlen=$n), ChainMap({'c': $n}, {'d': $s})]",
        "(sum(map(ord, str($R))) + $x)",
    ),
    "missing": _call("$N = defaultdict(lambda: $n, {'a': $n})", "(copy.copy($R)['a'] * 3 + copy.copy($R)['b'] + $x)"),
    "numbers of the library": _call("""
        $N = (Fraction($n, 7), Decimal('0.1') * $n, complex($n, $n))
    """, "(sum(map(ord, str($R))) + $x)"),
    "pattern": _call("""
        $N = re.compile('(?P<a>[0-$n]+)', re.X if $n > 4 else 0)
    """, "(len($R.sub('', '0123456789')) + $x + $R.flags)"),
    "namespace": _call("""
        $N = types.SimpleNamespace(a=$c, b=types.MappingProxyType({'c': $s}))
    """, "(sum(map(ord, str($R))) + $x)"),
    "random draws of a function": _call("""
        $N = None
        def $N_drawing(seed):
            global $N
            $N = random.Random(seed)
        $N_drawing($n)
    """, "(copy.copy($R).randrange(1000) + $x)"),
    "random draws": _call("$N = random.Random($n)", "(copy.copy($R).randrange(1000) + $x)"),
    "template": _call("$N = string.Template(str($s) + ' $$a')", "(sum(map(ord, $R.template)) + $x)"),
    "context variable": _call("$N = ContextVar('$N', default=$n)", "($R.get() * 3 + $x)"),
    "iterator": _call("$N = itertools.repeat($n)", "(next($R) * 3 + $x)"),
    "getter": _call("""
        $N = [operator.itemgetter($n % 3), operator.methodcaller('count', str($s))]
    """, "($R[0]([1, 5, 9]) + $R[1]('ab ba ab') + $x)"),
    "array": _call("$N = numpy.arange($n) * $c", "(float($R.sum()) + $x)"),
    "numpy's functions": _call("""
        $N = {'a': numpy.add, 'b': numpy.float32($c), 'c': numpy.dtype(['i2', 'i4', 'f8'][$n % 3])}
    """, "(float($R['a']($x, $R['b'])) + $R['c'].itemsize)"),
    "object with an iterator": _call("""
        class $N_kind:
            def __init__(self, n):
                self.endless = itertools.repeat(n)
            def value(self, x):
                return next(self.endless) * x $o $c

        def $N_made(n):
            return $N_kind(n + $n)

        $N = $N_made($n)
    """, "$R.value($x)"),
    "looked at by name": _call("""
        class $N_kind:
            one, other = $n, $n
            def two(self, x): return x $o $c

        def $N(x):
            return getattr($N_kind(), "on" "e" if x % 2 else "other") + getattr($N_kind(), "tw" + "o")(x)
    """),
    "assigned in pieces": _call("""
        ($N_one, [$N_other, *$N_rest]), $N_last = ($n, [$c, $n, $n]), $s
        def $N(x):
            return x * $N_one $o $N_other + sum($N_rest) + len(str($N_last))
    """),
    "deleted": _call("""
        $N = {"a": $n, "b": $n, "c": $c}
        del $N["b"]
        $N["a"] += $n
        $N |= {"d": $n}
    """, "(sum($R.values()) + $x)"),
    "defined twice": _call("""
        def $N(x):
            return x $o $c

        $N_first = $N

        def $N(x):
            return $N_first(x) * $n
    """),
    "attribute of a function": _call("""
        def $N(x):
            return x $o $N.by
        $N.by = $n
    """),
    "model of a function": _call("""
        def $N(x):
            return copy.copy($N.draws).randrange(1000) $o x
        $N.draws = random.Random($n)
    """),
    "array of its own class": _call("""
        class $N_kind(numpy.ndarray):
            pass

        $N = (numpy.arange($n) * $c).view($N_kind)
    """, "(float($R.sum()) + $x)"),
    "collections of its own classes": _call("""
        class $N_amount(Decimal):
            pass

        class $N_queue(deque):
            pass

        $N = {"a": $N_queue([$n, $s], maxlen=$n), "b": [$N_amount($n)]}
    """, "(sum(map(ord, str($R))) + $x)"),
    "method that an object wraps": _call("""
        class $N:
            @staticmethod
            @numpy.vectorize
            def value(x):
                return x $o $c

            @numpy.vectorize
            def other(self, x):
                return x * $n
    """, "(float($R.value($x)) + float($R.other(1, $x)))"),
    "enum that is given more": _call("""
        class $N(Enum):
            ONE = $n
            OTHER = $s

        $N.ONE.more = $c
        $N.OTHER.draws = random.Random($n)
    """, "($R.ONE.more * $x + copy.copy($R.OTHER.draws).randrange(1000))"),
    "name that a class binds anew": _call("""
        $N_factor = $n

        def $N(x):
            class Inner:
                $N_factor = $N_factor $o $c
            return x * Inner.$N_factor
    """),
    "annotated": _call("""
        $N_least, $N_most = $n, $c

        class $N_fields:
            size: "Annotated[int, $N_least]"
            scale: Annotated[int, $N_most] = $n

        def $N(x):
            found = get_type_hints($N_fields, include_extras=True)
            return x * found["size"].__metadata__[0] $o found["scale"].__metadata__[0]
    """),
    "class": Kind("class", """
        class $N:
            factor = $n

            def __init__(self, n=$n):
                self.n = n

            def value(self, x):
                return self.scaled(x) + $f{x}

            def scaled(self, x):
                return (x $o self.n) * self.factor
    """),
    "class of its own": Kind("class", """
        class $N:
            factor = $n

            def __init__(self, n):
                self.n = n $o $c

            @property
            def size(self):
                return self.n * $n

            def value(self, x, by=$n):
                return self.size + self.made(by) + self.fixed(x)

            @classmethod
            def made(cls, by):
                return cls.factor * by

            @staticmethod
            def fixed(x):
                return x + $n
    """),
    "class that inherits": Kind("class", """
        class $N($k):
            def __init__(self, n=$n):
                super().__init__(n + 1)

            def value(self, x):
                return super().value(x) $o $c
    """),
    "class that inherits all": Kind("class", """
        class $N($k):
            factor = $n
    """),
    "class of two": Kind("class", """
        class $N_mixed:
            def value(self, x):
                return super().value(x) + self.factor * $n

        class $N($N_mixed, $k):
            pass
    """),
    "class with a decorator": Kind("class", """
        def $N_shifted(function):
            return lambda self, x: function(self, x) + $c

        class $N:
            factor = $n

            def __init__(self, n):
                self.n = n

            @$N_shifted
            def value(self, x):
                return x * self.n $o $n
    """),
    "class by alias": Kind("class", "$N = $k"),
    "decorator": Kind("decorator", """
        def $N(function):
            @wraps(function)
            def wrapper(*args, **kwargs):
                return function(*args, **kwargs) $o $c
            return wrapper
    """),
    "decorator that hides": Kind("decorator", """
        def $N(function):
            return lambda x: function(x + $n) * $n
    """),
    "decorator with an argument": Kind("decorator", """
        def $N_by(amount):
            def decorate(function):
                @wraps(function)
                def wrapper(x):
                    return function(x) * amount + $f{x}
                return wrapper
            return decorate

        $N = $N_by($n)
    """),
    "decorator that is an object": Kind("decorator", """
        class $N:
            def __init__(self, function):
                functools.update_wrapper(self, function)
                self.function = function
            def __call__(self, x):
                return self.function(x) $o $c
    """),
    "registry": Kind("registry", "$N = {}"),
    "registers": Kind("call", """
        $g["$N"] = $r
    """, '$R["$N"]($x)', is_through_another=True),
    "registers an object": Kind("call", """
        $g["$N"] = $k($n)
    """, '$R["$N"].value($x)', is_through_another=True),
    "registers draws": Kind("call", """
        $g["$N"] = random.Random($n)
    """, '(copy.copy($R["$N"]).randrange(1000) + $x)', is_through_another=True),
    "registers a closure over draws": Kind("call", """
        def $N_maker(seed):
            draws = random.Random(seed)
            def inner(x):
                return copy.copy(draws).randrange(1000) + x * $n
            return inner
        $g["$N"] = $N_maker($n)
    """, '$R["$N"]($x)', is_through_another=True),
    "patches draws": Kind("call", """
        $k.$N_draws = random.Random($n)
    """, "(copy.copy($R.$N_draws).randrange(1000) + $x)", is_through_another=True),
    "patches": Kind("call", """
        def $N(self, x):
            return x $o $c + self.n
        $k.$N_added = $N
    """, "$R(2).$N_added($x)", is_through_another=True),
    "stage": Kind("stage", """
        @stage
        def $N():
            $l0 = [$f{x} * 31 + $f{x + 1} for x in range(4)]
            return str($l0)
    """),
    "stage with a constant": Kind("stage", """
        $N_rounds = $n

        @stage
        def $N(size=$n):
            return str([$f{x} $o $f{x + 1} for x in range(3)]) + str(size * $N_rounds)
    """),
    "stage of a class": Kind("stage", """
        @stage
        class $N(Stage):
            rate = $n

            def __init__(self, size=$n):
                self.size = size

            def run(self):
                return {"result": str([self.each(x) for x in range(3)])}

            def each(self, x):
                return $f{x} * self.size + $f{x + 2} $o self.rate
    """, "$R().run()"),
}  # fmt: skip
