"""Networks: generators and discriminators, and the files that hold them."""
