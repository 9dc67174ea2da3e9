"""`python -m lqmodel`: the command line, where the interpreter is known and the script's folder is not."""

from lqmodel.cli import main

main()
