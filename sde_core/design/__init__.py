"""How a record becomes a training sample: the task, the options of a design, rendering and reading back."""
