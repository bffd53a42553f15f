// The places Azure's access tokens come from; azure_credentials.cpp has their order. Each says
// not_found, with a few words for the list of where we looked, when it is not configured.
#pragma once

#include "store/credentials/credentials.hpp"
#include "store/credentials/environment_copy.hpp"
#include "store/http/http_client.hpp"

namespace runlog {

/// AKS and others: a token of the cluster, exchanged for one of Entra ID.
Result<AzureCredentials> ask_workload_identity(const EnvironmentCopy& environment,
                                               HttpClient& client);

/// Managed identity: the endpoint App Service, Container Apps or Azure ML name in the environment.
Result<AzureCredentials> ask_identity_endpoint(const EnvironmentCopy& environment,
                                               HttpClient& client);

/// Managed identity of a virtual machine. `has_answered` as for ask_instance_metadata.
Result<AzureCredentials> ask_azure_metadata(const EnvironmentCopy& environment, HttpClient& client,
                                            bool& has_answered);

}  // namespace runlog
