"""What the report is made of: tables, sections, templates, and the drawing of its figures."""
