"""Where pictures come from, and the prepared tensors that training reads."""
