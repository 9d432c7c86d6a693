"""Tables of Arrow."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mlpipeline.pipelines.serializers.serializer import Unsuited

#: Under this key of a file's metadata is what it held, where that was no table.
_OWN_KEY, _BATCH = b"mlpipeline", b"RecordBatch"


class ArrowTables:
    """Stores tables and record batches as Parquet, if they come back with the same schema and values."""

    name, suffix, is_pickle = "arrow", ".parquet", False

    def takes(self, value: Any) -> bool:
        """Whether it is a Table or a RecordBatch."""
        pyarrow = sys.modules.get("pyarrow")
        return pyarrow is not None and type(value) in (pyarrow.Table, pyarrow.RecordBatch)

    def save(self, value: Any, path: Path) -> None:
        """Write it, and read again what Parquet might have changed. Into which chunks a table is cut is not kept."""
        import pyarrow as pa
        from pyarrow import parquet

        table = value
        if type(value) is pa.RecordBatch:
            metadata = {**(value.schema.metadata or {}), _OWN_KEY: _BATCH}
            table = pa.Table.from_batches([value]).replace_schema_metadata(metadata)
        try:
            # What is in lists is called as it is in the table, or it would not be of the same type.
            parquet.write_table(table, path, use_compliant_nested_type=False)
            odd = [at for at, column in enumerate(table.schema) if not _is_kept(column.type)]
            with parquet.ParquetFile(path) as file:
                is_same = file.schema_arrow.equals(table.schema, check_metadata=True)
                is_same = is_same and file.metadata.num_rows == table.num_rows
                # One column at a time: all that is compared is in memory twice.
                for at in odd:
                    name = table.schema.names[at]
                    is_same = is_same and file.read(columns=[name]).column(0).equals(table.column(at))
        except OSError:
            raise
        except Exception as error:  # Arrow has many.
            raise Unsuited from error
        if not is_same or len(set(table.schema.names)) < table.num_columns:
            raise Unsuited

    def load(self, path: Path) -> Any:
        """Read it."""
        from pyarrow import parquet

        with parquet.ParquetFile(path) as file:
            table = file.read()
        metadata = dict(table.schema.metadata or {})
        if metadata.pop(_OWN_KEY, None) != _BATCH:
            return table
        table = table.replace_schema_metadata(metadata or None).combine_chunks()
        return next(iter(table.to_batches()), None) or _empty_batch(table.schema)


def _is_kept(kind: Any) -> bool:
    """Whether Parquet keeps every value of an Arrow type, NaN too, which is not equal to itself."""
    from pyarrow import types

    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))


def _empty_batch(schema: Any) -> Any:
    import pyarrow as pa

    return pa.RecordBatch.from_arrays([pa.array([], kind) for kind in schema.types], schema=schema)
