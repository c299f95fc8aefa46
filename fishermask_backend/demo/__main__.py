import sys

from fishermask_backend.demo import main

sys.exit(main())
