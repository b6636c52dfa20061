// A new model brings a new time to measure.
watch('value', later);
