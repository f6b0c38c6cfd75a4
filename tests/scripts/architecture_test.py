"""scripts/architecture.py on small trees of its own."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "architecture.py"


class Architecture(unittest.TestCase):
    def run_on(self, files, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "docs").mkdir()
            for name, text in files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            done = subprocess.run([sys.executable, SCRIPT, "--root", root, *arguments], capture_output=True, text=True)
            page = root / "docs" / "architecture.md"
            return done.returncode, done.stderr, page.read_text() if page.exists() else ""

    def test_draws_what_is_included(self):
        code, err, page = self.run_on({"common/a.h": "", "apps/b.cpp": '#include "common/a.h"\n#include <vector>\n'})
        self.assertEqual((code, err), (0, ""))
        self.assertIn("  apps --> common\n", page)

    def test_refuses_an_include_upwards(self):
        code, err, _ = self.run_on({"common/a.h": '#include "apps/b.h"\n', "apps/b.h": ""})
        self.assertEqual((code, err), (1, "common/a.h includes apps/b.h: apps is above common\n"))

    def test_refuses_an_include_beside(self):
        code, err, _ = self.run_on({"report/a.cpp": '  #  include "jobs/b.h"\n', "jobs/b.h": ""})
        self.assertEqual((code, err), (1, "report/a.cpp includes jobs/b.h: jobs is beside report\n"))

    def test_keeps_torch_out_of_jobs_but_for_their_folder(self):
        code, err, _ = self.run_on({"jobs/a.cpp": "#include <ATen/ATen.h>\n", "jobs/torch/b.cpp": "#include <ATen/ATen.h>\n"})
        self.assertEqual((code, err), (1, "jobs/a.cpp includes ATen/ATen.h: jobs is built without LibTorch\n"))

    def test_refuses_a_name_that_two_headers_define(self):
        header = "namespace frontier {\nstruct Images {\n  int a;\n};\n}  // namespace frontier\n"
        code, err, _ = self.run_on({"common/a.h": header, "db/b.h": header.replace("int a", "int b")})
        self.assertEqual((code, err), (1, "common/a.h and db/b.h both define frontier::Images\n"))
        apart = header.replace("namespace frontier {", "namespace frontier::other {")
        self.assertEqual(self.run_on({"common/a.h": header, "db/b.h": apart})[0], 0)
        self.assertEqual(self.run_on({"common/a.h": header, "db/b.h": "namespace frontier {\nstruct Images;\n}  // namespace frontier\n"})[0], 0)

    def test_a_stale_page_fails_the_check(self):
        files = {"common/a.h": "", "apps/b.cpp": '#include "common/a.h"\n'}
        _, _, page = self.run_on(files)
        self.assertEqual(self.run_on({**files, "docs/architecture.md": page}, "--check")[0], 0)
        files["apps/c.cpp"] = '#include "db/d.h"\n'
        code, err, _ = self.run_on({**files, "docs/architecture.md": page}, "--check")
        self.assertEqual((code, err), (1, "docs/architecture.md is not what the sources say; run scripts/architecture.py\n"))


if __name__ == "__main__":
    unittest.main()
