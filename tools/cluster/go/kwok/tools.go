// Package tools pins kwok, which plays nodes and pods in the scale benches.
package tools

import _ "sigs.k8s.io/kwok/pkg/kwok/cmd"
