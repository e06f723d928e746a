"""One network: trained as the article prints it, or diagnosed: bug or bad luck."""
