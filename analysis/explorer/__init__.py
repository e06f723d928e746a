"""The explorer: a page that trains a network in the browser, with the same bits as a sweep."""
