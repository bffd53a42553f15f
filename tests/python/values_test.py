"""Promise: lists, tables, histograms, images and files are kept as they are, whoever holds them:
Python, numpy, a device."""

import math
import sys
import types

import runlog
from support import RunTestCase, Tensor, main


class ValuesTest(RunTestCase):
    def test_structured_values(self):
        import array
        run = self.run_
        run.log_list("list", [1, 2.5, True], 3)
        run.log_list("list", array.array("f", [0.5, 2]))
        run.log_list("list", Tensor([[1, 2], [3, 4]]))
        run.log_row("row", {"a": 1}, b=2.5)
        run.log_table("table", {"x": [1, 2], "y": array.array("d", [0.5, 1])}, step=1)
        run.log_histogram("histogram", [0, 1, 1, math.nan, 2], bins=2)
        run.log_histogram("histogram", edges=[0, 1, 2], counts=[5, 6])
        run.log_histogram("histogram", [-1e308, 1e308], bins=2)
        run.log_json("schema.v1", {"labels": ["a"]})
        run.text("words", "warning")
        for bad in ("text", None, 5, [None]):
            with self.assertRaises(TypeError):
                run.log_list("list", bad)
        with self.assertRaises(ValueError):
            run.log_histogram("histogram", edges=[0, 1], counts=[1, 2, 3])
        with self.assertRaises(ValueError):
            run.text("words", "loud")
        run.complete()
        found = [(one.kind, one.name, one.text) for one in self.only_run()
                 if one.kind not in {"status"}]
        self.assertEqual(found, [
            ("list", "list", "[1,2.5,1]"), ("list", "list", "[0.5,2]"), ("list", "list", "[1,2,3,4]"),
            ("row", "row", '{"a":1,"b":2.5}'), ("table", "table", '{"x":[1,2],"y":[0.5,1]}'),
            ("histogram", "histogram", '{"edges":[0,1,2],"counts":[1,3]}'),
            ("histogram", "histogram", '{"edges":[0,1,2],"counts":[5,6]}'),
            ("histogram", "histogram", '{"edges":[-1e+308,0,1e+308],"counts":[1,1]}'),
            ("json", "schema.v1", '{"labels": ["a"]}'), ("text", "warning", "words")])

    def test_numpy(self):
        try:
            import numpy as np
        except ImportError:
            self.skipTest("no numpy")
        run = self.run_
        for value in (np.float32(0.5), np.int64(7), np.float64(1.5), np.array(2.5), np.bool_(True),
                      np.uint64(2**64 - 1), np.float16(0.25), np.array([3])):
            run.log("v", value, np.int32(1))
        for values in (np.array([[1, 2], [3, 4]], dtype=np.int16), np.arange(8.0)[::2],
                       np.array([1, 2], dtype=np.float16), np.array([1, 2], dtype=">i4"),
                       np.array([True, False])):
            run.log_list("list", values)
        run.log_image("image", np.zeros((4, 5, 3), dtype=np.uint8))
        run.log_image("image", np.linspace(0, 1, 60).reshape(3, 4, 5))
        with self.assertRaises(ValueError):
            run.log("v", np.array([1, 2]))
        with self.assertRaises(TypeError):
            run.log("v", np.complex64(1))
        with self.assertRaises(ValueError):
            run.log_image("image", np.zeros(5))
        run.complete()
        found = self.only_run()
        self.assertEqual(self.values(found, "v"), [0.5, 7, 1.5, 2.5, 1, float(2**64), 0.25, 3])
        self.assertEqual([one.text for one in found.records("list")],
                         ["[1,2,3,4]", "[0,2,4,6]", "[1,2]", "[1,2]", "[1,0]"])
        self.assertEqual(len(list(found.records("image"))), 2)

    def test_several_numbers_are_no_number_and_a_text_as_a_parameter(self):
        class Several:
            def __init__(self, error):
                self.error = error

            def item(self):
                raise self.error("a Tensor with 2 elements cannot be converted to Scalar")

            def __str__(self):
                return "[1 2]"

        class Lost(RuntimeError):
            pass

        for error in (RuntimeError, ValueError, TypeError):
            with self.assertRaises((TypeError, ValueError)):
                self.run_.log("v", Several(error))
            self.run_.param(error.__name__, Several(error))
        with self.assertRaises(Lost):
            self.run_.log("v", Several(Lost))
        with runlog.start_logging(root="other", config={"v": Several(ValueError)}):
            pass
        self.assertEqual(self.only_run("other").params, {"v": "[1 2]"})
        self.assertEqual(self.logged(), [])
        self.assertEqual(set(self.only_run().params.values()), {"[1 2]"})
        self.assertEqual(len(self.only_run().params), 3)

    def test_pictures_are_png_that_others_read(self):
        try:
            from PIL import Image
        except ImportError:
            self.skipTest("no PIL")
        import numpy as np
        pixels = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
        self.run_.log_image("array", pixels)
        self.run_.log_image("channels first", pixels.transpose(2, 0, 1))
        self.run_.log_image("PIL", Image.fromarray(pixels))
        self.run_.complete()
        run = self.only_run()
        for one in run.records("image"):
            blob = next(self.dir.glob(f"runs/*/*/*/{one.text}"))
            with Image.open(blob) as image:
                self.assertTrue((np.asarray(image) == pixels).all(), one.name)

    def test_files(self):
        (self.dir / "folder").mkdir()
        (self.dir / "folder" / "a.txt").write_text("a")
        (self.dir / "b.txt").write_text("b")
        self.run_.upload_file("checkpoint", self.dir / "b.txt", 5)
        self.run_.upload_file("b.txt")
        self.assertEqual(self.run_.upload_folder("in", "folder")["staged"], 1)
        with self.assertRaises(runlog.Error) as raised:
            self.run_.upload_file("missing.txt")
        self.assertEqual(raised.exception.code, "not_found")
        self.assertIn("missing.txt", str(raised.exception))
        self.assertEqual(self.run_.file_names(), ["b.txt", "checkpoint", "in/a.txt"])
        self.assertEqual([(name, step) for name, step, _ in self.logged("file")],
                         [("checkpoint", 5), ("b.txt", None), ("in/a.txt", None)])

    def test_values_of_a_device_are_logged_when_they_have_arrived(self):
        class Event:
            has_come = is_lost = False

            def record(self, stream):
                pass

            def query(self):
                return Event.has_come

            def synchronize(self):
                if Event.is_lost:
                    raise RuntimeError("the device is lost")
                Event.has_come = True

        class Host(Tensor):
            dtype = "float32"

            def copy_(self, other, non_blocking):
                self._value = other._value

        class OnDevice(Host):
            is_cuda, device = True, "cuda:0"

            def reshape(self, shape):
                return self

        torch = types.ModuleType("torch")
        torch.empty = lambda shape, dtype, pin_memory: Host(None)
        torch.cuda = types.SimpleNamespace(Event=Event, current_stream=lambda device: None)
        sys.modules["torch"] = torch
        self.addCleanup(sys.modules.pop, "torch")
        run = self.run_
        run.log_later("loss", OnDevice(0.5), 1)
        run.log_later("loss", OnDevice(0.25), step=2)
        self.assertEqual(run.stats()["records"], 1)
        Event.has_come = True
        run.log_later("loss", 0.125, 3)
        self.assertEqual(run.stats()["records"], 4)
        Event.has_come = False
        run.log_later("loss", OnDevice(1.0), 4)
        run.wait_until("durable")
        Event.has_come, Event.is_lost = False, True
        run.log_later("loss", OnDevice(2.0), 5)
        self.assertEqual(self.logged(), [("loss", 1, 0.5), ("loss", 2, 0.25), ("loss", 3, 0.125),
                                         ("loss", 4, 1.0)])
        self.assertIn("the device is lost", [one.text for one in self.only_run().records("text")][0])


if __name__ == "__main__":
    sys.exit(main())
