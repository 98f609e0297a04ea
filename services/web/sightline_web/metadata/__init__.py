"""Files without what they tell beside their pixels: where, when and by whom they were made."""
