"""Samples in, tables out: medians, in-round ratios, budgets."""
import statistics
import sys
from dataclasses import dataclass
from typing import Optional

ANCHORS = ("relay", "nginx")  # ratios are shown to these
FOREIGN_WARNING = 0.05        # of the proxy's core, used by others
SUBJECT = "corsd"

# metric: (heading, format)
REPORTED = {
    "cpu_us": ("CPU µs", "{:.1f}"),
    "cpu_us_mib": ("CPU µs/MiB", "{:.0f}"),
    "rps": ("requests/s", "{:,.0f}"),
    "mib_s": ("MiB/s", "{:,.0f}"),
    "p99_ms": ("p99 ms", "{:.2f}"),
    "bytes": ("bytes", "{:,.0f}"),
    "rss_mib": ("RSS MiB", "{:.1f}"),
    "start_ms": ("start ms", "{:.0f}"),
    "data": ("data calls", "{:.2f}"),
    "waits": ("epoll_wait", "{:.2f}"),
    "calls": ("all calls", "{:.2f}"),
    "epoll_ctl": ("epoll_ctl", "{:.0f}"),
}


@dataclass(frozen=True)
class Budget:
    """A row of DESIGN §8: a metric of corsd, or its ratio to a peer, and what it may be at most."""
    case: str
    metric: str
    limit: float
    peer: Optional[str] = None   # None: the figure itself
    below: bool = False          # the limit itself is too much
    aim: Optional[float] = None


BUDGETS = (
    Budget("get1k", "cpu_us", 1.20, "relay", aim=1.12),
    Budget("get1k", "cpu_us", 1.0, "nginx", below=True),
    Budget("get1k", "cpu_us", 1.0, "haproxy", below=True),
    Budget("preflight", "cpu_us", 0.90, "nginx"),
    Budget("preflight", "cpu_us", 1.25, "relay", aim=1.10),
    Budget("get100k", "cpu_us", 1.12, "relay", aim=1.05),
    Budget("get100k", "cpu_us", 1.0, "nginx_big", below=True),
    Budget("post64k", "cpu_us", 1.40, "relay", aim=1.15),
    Budget("post64k", "cpu_us", 1.0, "nginx_big", below=True),
    Budget("get10m", "cpu_us_mib", 1.0, "relay", aim=0.80),
    Budget("get10m", "cpu_us_mib", 1.0, "nginx_big"),
    Budget("connect", "cpu_us", 1.15, "relay", aim=1.08),
    Budget("idle", "bytes", 1.0, "nginx", below=True),
    Budget("idle", "bytes", 526, below=True, aim=300),
    Budget("syscalls", "data", 4.2),
    Budget("syscalls", "epoll_ctl", 0),
    Budget("syscalls_get64k", "data", 4.2),
    Budget("syscalls_get64k", "epoll_ctl", 0),
    Budget("syscalls_post64k", "data", 4.2),
    Budget("syscalls_post64k", "epoll_ctl", 0),
    Budget("origins100k", "start_ms", 1.0, "haproxy"),
    Budget("origins100k", "rss_mib", 16),
)


class Paint:
    """Colours where a terminal reads them, and nothing elsewhere."""

    def __init__(self, stream):
        self.on = stream.isatty()

    def __call__(self, code, text):
        return f"\x1b[{code}m{text}\x1b[0m" if self.on else text

    def bold(self, text):
        return self("1", text)

    def good(self, text):
        return self("32", text)

    def bad(self, text):
        return self("31", text)

    def dim(self, text):
        return self("2", text)


class Samples:
    """All that was measured: by case, round and peer."""

    def __init__(self):
        self.rows = []  # {"case", "round", "peer", and the metrics}

    def add(self, case, number, peer, metrics):
        self.rows.append({"case": case, "round": number, "peer": peer, **metrics})

    def of(self, case, peer, metric):
        """{round: figure}"""
        return {row["round"]: row[metric] for row in self.rows
                if row["case"] == case and row["peer"] == peer and metric in row}

    def median(self, case, peer, metric):
        figures = self.of(case, peer, metric).values()
        return statistics.median(figures) if figures else None

    def ratios(self, case, peer, other, metric):
        """In each round that has both: peer's figure over other's."""
        mine, theirs = self.of(case, peer, metric), self.of(case, other, metric)
        return [mine[number] / theirs[number] for number in mine if theirs.get(number)]

    def foreign(self, case):
        shares = [row["foreign"] for row in self.rows if row["case"] == case and "foreign" in row]
        return statistics.median(shares) if shares else 0.0


def spread(figures, form="{:.2f}"):
    """1.08 (1.02–1.15): the median, and the extremes where there is more than one."""
    if not figures:
        return "–"
    median = form.format(statistics.median(figures))
    if len(figures) == 1:
        return median
    return f"{median} ({form.format(min(figures))}–{form.format(max(figures))})"


def table(rows, paints=None):
    """Aligned text: the first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for number, row in enumerate(rows):
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        line = "  " + "  ".join(cells).rstrip()
        print(paints(number, line) if paints else line)


def case_table(case, samples, peers, paint):
    """One case: medians of every peer, and its ratios to the anchors."""
    measured = [peer for peer in peers if samples.of(case.name, peer, case.metrics[0])]
    if not measured:
        return
    rounds = max(len(samples.of(case.name, peer, case.metrics[0])) for peer in measured)
    print(paint.bold(f"{case.name}: {case.title}") + paint.dim(f" · rounds: {rounds}"))
    anchors = [peer for peer in ANCHORS if peer in measured]
    first, *rest = case.metrics
    rows = [["", REPORTED[first][0], *(f"× {anchor}" for anchor in anchors),
             *(REPORTED[metric][0] for metric in rest)]]
    for peer in measured:
        ratios = [spread(samples.ratios(case.name, peer, anchor, first)) if anchor != peer else "1"
                  for anchor in anchors]
        figures = {m: samples.median(case.name, peer, m) for m in case.metrics}
        shown = {m: REPORTED[m][1].format(v) if v is not None else "–" for m, v in figures.items()}
        rows.append([peer, shown[first], *ratios, *(shown[metric] for metric in rest)])
    table(rows, lambda n, line: paint.dim(line) if n == 0 else
          paint.bold(line) if rows[n][0] == SUBJECT else line)
    share = samples.foreign(case.name)
    if share > FOREIGN_WARNING:
        print(paint.bad(f"  others used {share:.0%} of the proxy's core: wait until it is quiet"))
    print()


def judge(budget, samples):
    """What became of a budget, as a dict; None where it was not measured."""
    if budget.peer:
        figures = samples.ratios(budget.case, SUBJECT, budget.peer, budget.metric)
    else:
        figures = list(samples.of(budget.case, SUBJECT, budget.metric).values())
    if not figures:
        return None

    def within(figure, limit, below=False):
        return figure < limit if below else figure <= limit

    value = round(statistics.median(figures), 2)  # as printed: nothing finer is resolved
    met = within(value, budget.limit, budget.below)
    doubtful = any(within(figure, budget.limit, budget.below) != met for figure in figures)
    return {"case": budget.case, "metric": budget.metric, "peer": budget.peer, "value": value,
            "figures": figures, "limit": budget.limit, "below": budget.below, "met": met,
            "doubtful": doubtful, "aim": budget.aim,
            "aim_met": budget.aim and within(value, budget.aim)}


def budget_table(samples, paint):
    """Prints every budget that was measured; returns them."""
    judged = [found for found in (judge(budget, samples) for budget in BUDGETS) if found]
    if not judged:
        return judged
    print(paint.bold("budgets of corsd: medians of in-round ratios, or the figure itself"))
    rows = [["", "corsd", "budget", "", "aim"]]
    for row in judged:
        heading, form = REPORTED[row["metric"]]
        form = "{:.2f}" if row["peer"] else form
        what = f"{row['case']}, {heading}" + (f" × {row['peer']}" if row["peer"] else "")
        verdict = ("met" if row["met"] else "MISSED") + (", not in every round" * row["doubtful"])
        aim = f"{form.format(row['aim'])} {'met' if row['aim_met'] else 'open'}" if row["aim"] else ""
        rows.append([what, spread(row["figures"], form),
                     ("< " if row["below"] else "≤ ") + form.format(row["limit"]), verdict, aim])
    table(rows, lambda n, line: paint.dim(line) if n == 0 else
          line if judged[n - 1]["met"] else paint.bad(line))
    met = sum(row["met"] for row in judged)
    print(f"\n{met} of {len(judged)} budgets met")
    return judged


def medians(samples, cases, peers):
    """For --json: {case: {peer: {metric: median}}}"""
    return {case.name: {peer: {metric: samples.median(case.name, peer, metric)
                               for metric in case.metrics}
                        for peer in peers if samples.of(case.name, peer, case.metrics[0])}
            for case in cases}


def progress(text, paint=Paint(sys.stderr)):
    """One line that overwrites itself on a terminal; elsewhere a line each."""
    if paint.on:
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
    elif text:
        print(text, file=sys.stderr, flush=True)
