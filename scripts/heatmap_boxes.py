"""Write onto the card of `chest14` how its heatmaps become boxes.

    python scripts/heatmap_boxes.py SHARED/radiographs

Likely boxes come from BBox_List_2017.csv (in the folder, or in ``labels`` beside it) without the
patients of boxes.csv; how far heatmaps are believed, from the boxes of boxes.csv. What this rule is
worth, learnt on other folds, stands in docs/studies/localise.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from hilum.bundles.card import HeatmapBoxes
from hilum.domain import Refusal
from hilum.export.heatmap_boxes import Drawn, learn_trust, with_heatmap_boxes
from hilum.reading import Reader
from hilum.studies.localise.cases import boxes_of_others, cases_of, held_out, likely_of
from hilum.studies.localise.maps import Eye, plain


def main() -> None:
    """Learn the rule, and write the card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    given = parser.parse_args()
    eye = Eye.of()
    reader = Reader.of(eye.bundle)
    cases = cases_of(held_out(given.data), given.data)
    patients = frozenset(case.patient for case in cases)
    others = boxes_of_others(given.data, patients)
    likely = likely_of(others)
    drawn = []
    for case in cases:
        radiograph = reader.radiograph(case.file)
        assert not isinstance(radiograph, Refusal), f"{case.file.name} cannot be read"
        at = eye.bundle.card.keys.index(case.finding)
        drawn.append(Drawn(case.finding, plain(eye, radiograph)[at], case.xywh))
    trust = learn_trust(drawn, likely)
    rule = HeatmapBoxes(
        findings=tuple(likely[key] for key in eye.bundle.card.keys if key in likely),
        trust=trust,
        rule=(
            f"likely boxes: {sum(map(len, others.values()))} boxes of ChestX-ray14 "
            f"(BBox_List_2017) without {len(patients)} patients; trust: greatest mean IoU on the "
            f"{len(cases)} boxes of these patients, of whom the network learnt nothing"
        ),
    )
    bundle = with_heatmap_boxes(eye.bundle, rule)
    print(f"{bundle}: {rule.rule}; trust {trust:g}")


if __name__ == "__main__":
    main()
