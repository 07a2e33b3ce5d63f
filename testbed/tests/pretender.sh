#!/bin/sh
# A host for the tests of testbed::host, which does as the application variable `script` says.
address=$6
serve() {
    echo "Serving http://$address"
    exec sleep 1000
}
eval "$SPIN_VARIABLE_SCRIPT"
