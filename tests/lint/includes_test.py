"""The include rule finds what is planted, and nothing in a tree that keeps it."""

import pathlib
import tempfile
import unittest

import includes


class Includes(unittest.TestCase):
    def judge(self, files):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in files.items():
                path = root / "src" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            return includes.violations(root)

    def test_a_tree_that_keeps_the_rule(self):
        self.assertEqual(self.judge({
            "base/error.h": "#include <string>\n",
            "study/volume.h": '#include "base/error.h"\n',
            "nn/engine.cc": "#include <oneapi/dnnl/dnnl.hpp>\n#include <dnnl.hpp>\n",
            "detectors/ctclip.cc": '#include "study/volume.h"\n',
        }), [])

    def test_a_room_that_looks_back(self):
        found = self.judge({"base/error.h": "", "study/volume.h": "",
                            "base/tensor.cc": '#include "base/error.h"\n#include "study/volume.h"\n'})
        self.assertEqual(found, ['src/base/tensor.cc:2: base may not include "study/volume.h"'])

    def test_only_the_allowed_header_of_a_room(self):
        found = self.judge({"study/volume.h": "", "study/slice.h": "",
                            "detectors/a.cc": '#include "study/volume.h"\n#include "study/slice.h"\n'})
        self.assertEqual(found, ['src/detectors/a.cc:2: detectors may not include "study/slice.h"'])

    def test_onednn_outside_its_room(self):
        for header in ("dnnl.hpp", "oneapi/dnnl/dnnl.hpp", "oneapi/dnnl/dnnl_types.h"):
            found = self.judge({"models/bert.cc": f"#  include <{header}>\n"})
            self.assertEqual(found, [f"src/models/bert.cc:1: only src/nn includes <{header}>"])

    def test_a_header_not_named_from_src(self):
        found = self.judge({"base/error.h": "", "base/error.cc": '#include "error.h"\n',
                            "base/log.cc": '#include "base/gone.h"\n'})
        self.assertEqual([line.split(":")[0] for line in found],
                         ["src/base/error.cc", "src/base/log.cc"])

    def test_headers_that_include_each_other(self):
        found = self.judge({"base/a.h": '#include "base/b.h"\n', "base/b.h": '#include "base/a.h"\n'})
        self.assertEqual(found, ["src: a cycle: base/a.h -> base/b.h -> base/a.h"])

    def test_a_room_that_is_not_in_the_table(self):
        self.assertEqual(self.judge({"misc/a.cc": ""}), ["src/misc/a.cc:1: there is no room 'misc'"])

    def test_the_table_itself_has_no_cycle_but_by_a_named_header(self):
        graph = {room: {target for target in allowed if "/" not in target}
                 for room, allowed in includes.ALLOWED.items()}
        self.assertEqual(includes.find_cycle(graph), [])


if __name__ == "__main__":
    unittest.main()
