import csv

HEAD = "image,finding,score,x,y,w,h\n"


def test_fuse_writes_a_table_that_evaluate_reads(hilum, tmp_path):
    for name, x in (("one", 10), ("two", 12)):
        (tmp_path / f"{name}.csv").write_text(f"{HEAD}a.png,nodule,0.5,{x},10,20,20\n")
    out = tmp_path / "fused.csv"
    tables = [str(tmp_path / "one.csv"), str(tmp_path / "two.csv")]
    done = hilum("fuse", *tables, "-o", str(out))
    assert done.status == 0, done.err
    assert "1 boxes on 1 images, of 2" in done.out
    (row,) = csv.DictReader(out.read_text().splitlines())
    assert (row["finding"], float(row["score"]), float(row["x"])) == ("nodule", 0.5, 11.0)
    again = hilum("fuse", *tables, "-o", str(out))
    assert again.status == 2
    assert "exists" in again.err
    few = hilum("fuse", *tables, "-o", str(tmp_path / "b.csv"), "--weight", "1")
    assert "1 weights for 2 tables" in few.err
