// Package tools pins the Helm that installs the chart in tests and in the demo.
package tools

import _ "helm.sh/helm/v4/pkg/cmd"
