{{/* What the operator may do, by purpose: the same rules become ClusterRoles, or Roles in each watched namespace. */}}

{{- define "shardwright.rules.checkpoints" -}}
- apiGroups: [shardwright.io]
  resources: [shardedcheckpoints]
  verbs: [get, list, watch]
- apiGroups: [shardwright.io]
  resources: [shardedcheckpoints/status]
  verbs: [patch]
# Owner references of Jobs block the resource's deletion in the foreground; some clusters ask for this permission then.
- apiGroups: [shardwright.io]
  resources: [shardedcheckpoints/finalizers]
  verbs: [update]
{{- end -}}

{{- define "shardwright.rules.work" -}}
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, list, watch, create]
{{- end -}}

{{- define "shardwright.rules.events" -}}
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [get, list, create, patch]
{{- end -}}
