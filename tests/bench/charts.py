"""charts.py: bar charts as SVG, without any library."""

from dataclasses import dataclass
from html import escape

LEFT, WIDTH, RIGHT = 240, 420, 80   # names, bars, figures
TOP, BAR, GAP = 58, 14, 10
COLOURS = ('#2a7f62', '#8db8a8', '#c9a227', '#b5482f')


@dataclass
class Chart:
    """Groups of horizontal bars: one group a label, one bar a series."""
    title: str
    series: list      # names
    groups: list      # [(label, [value or None for each series])]
    line: float = 0   # a value to draw a line at; 0: none
    form: str = '{:.2f}'

    def svg(self):
        values = [v for _, row in self.groups for v in row if v is not None]
        scale = WIDTH / max([*values, self.line, 1e-9])
        step = BAR * len(self.series) + GAP
        height = TOP + step * len(self.groups) + GAP
        width = LEFT + WIDTH + RIGHT
        parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" '
                 f'height="{height}" font-family="sans-serif" font-size="12">',
                 '<rect width="100%" height="100%" fill="white"/>',
                 text(12, 20, self.title, ' font-size="14"')]
        x = LEFT
        for name, colour in zip(self.series, COLOURS):
            parts += [f'<rect x="{x}" y="30" width="12" height="12" '
                      f'fill="{colour}"/>', text(x + 17, 41, name)]
            x += 32 + 7 * len(name)
        for number, (label, row) in enumerate(self.groups):
            y = TOP + step * number
            parts.append(text(LEFT - 8, y + (step - GAP) / 2 + 4, label,
                              ' text-anchor="end"'))
            for value, colour in zip(row, COLOURS):
                if value is not None:
                    parts += [f'<rect x="{LEFT}" y="{y}" width='
                              f'"{scale * value:.1f}" height="{BAR - 2}" '
                              f'fill="{colour}"/>',
                              text(LEFT + scale * value + 5, y + 10,
                                   self.form.format(value))]
                y += BAR
        if self.line:
            x = LEFT + scale * self.line
            parts.append(f'<line x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" '
                         f'y2="{height - GAP}" stroke="black" '
                         'stroke-dasharray="3"/>')
        return '\n'.join([*parts, '</svg>']) + '\n'


def text(x, y, words, more=''):
    return f'<text x="{x:.0f}" y="{y:.0f}"{more}>{escape(words)}</text>'
