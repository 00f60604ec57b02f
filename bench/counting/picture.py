"""The picture of docs/performance.md: processes of a cycle with nothing to do, by the number of datasets."""

import math

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 60, 50

# Grey that can be read on white and on black; two colours that differ in lightness, too.
STYLE = """
    text { font: 13px system-ui, sans-serif; fill: #767676 }
    .title { font-size: 15px; font-weight: 600 }
    .grid { stroke: #767676; stroke-opacity: .35 }
    .backupd { fill: #1a7f64 }
    .syncoid { fill: #d9822b }
    @media (prefers-color-scheme: dark) { text { fill: #a8a8a8 } .backupd { fill: #3fbf9b } .syncoid { fill: #e8a05a } }
"""

PROGRAMS = ("backupd", "syncoid")


def draw(counts):
    """`counts`: by number of datasets, by program: how many. An SVG with a logarithmic scale."""
    top = max(math.ceil(math.log10(max(max(c.values()) for c in counts.values()))), 1)
    height = HEIGHT - TOP - BOTTOM

    def y(count):
        return HEIGHT - BOTTOM - height * math.log10(max(count, 1)) / top

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        "  <title>Processes of a cycle with nothing to do</title>",
        f"  <style>{STYLE}  </style>",
        f'  <text class="title" x="{LEFT}" y="22">zfs and ssh processes of a cycle with nothing to do</text>',
    ]
    for i, program in enumerate(PROGRAMS):
        x = LEFT + i * 110
        out.append(f'  <rect class="{program}" x="{x}" y="34" width="12" height="12"/>')
        out.append(f'  <text x="{x + 18}" y="45">{program}</text>')
    for power in range(top + 1):
        at = y(10**power)
        out.append(f'  <line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        out.append(f'  <text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{10**power:,}</text>')
    slot = (WIDTH - LEFT - RIGHT) / len(counts)
    bar = min(slot / 4, 60)
    for place, (n, by_program) in enumerate(sorted(counts.items())):
        middle = LEFT + slot * (place + 0.5)
        for i, program in enumerate(PROGRAMS):
            if program not in by_program:
                continue
            x, at = middle + (i - 1) * (bar + 6) + 3, y(by_program[program])
            out.append(
                f'  <rect class="{program}" x="{x:.1f}" y="{at:.1f}" width="{bar:.1f}" '
                f'height="{HEIGHT - BOTTOM - at:.1f}"/>'
            )
            out.append(
                f'  <text x="{x + bar / 2:.1f}" y="{at - 5:.1f}" text-anchor="middle">{by_program[program]:,}</text>'
            )
        out.append(f'  <text x="{middle:.1f}" y="{HEIGHT - 30}" text-anchor="middle">{n:,}</text>')
    x = (WIDTH + LEFT - RIGHT) / 2
    out.append(f'  <text x="{x}" y="{HEIGHT - 10}" text-anchor="middle">datasets (the scale is logarithmic)</text>')
    return "\n".join([*out, "</svg>", ""])
