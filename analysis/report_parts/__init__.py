"""What the report is made of: tables, provenance, templates, and the drawing of its figures."""
